"""log_softmax(x, axis=-1): the logarithm of softmax(x)."""

from typing import Any

from ..program.axes import from_end
from ..program.function import Composed, as_float
from ..program.node import Node, apply


class LogSoftmax(Composed):
    """(x - max(x)) - log(sum(exp(x - max(x)))) along one axis or some: finite where softmax(x) is too small for a number. The largest entry
    counts as constant, since the value does not depend on what is taken away."""

    name = "log_softmax"
    group = "reductions"
    examples = ("log_softmax(x)", "log_softmax(20*x, axis=0)")
    count = 1

    def build(self, *args: Node, axis: Any = -1) -> Node:
        x = as_float(args[0])
        axis = from_end(x, axis)
        shifted = x - apply("stop_gradient", apply("max", x, axis=axis, keepdims=True))
        return shifted - apply("log", apply("sum", apply("exp", shifted), axis=axis, keepdims=True))
