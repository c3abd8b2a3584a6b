"""stop_gradient(x): x, treated as a constant in every gradient."""

from typing import Any

from ..program.function import Function
from ..program.node import Node, node


class StopGradient(Function):
    """x itself; its adjoint is 0."""

    name = "stop_gradient"
    group = "programs"
    keeps_sign = True
    examples = ("sum(x * stop_gradient(z))",)
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        (x,) = args
        return node(self, args, x.shape, x.kind, x.axes)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return arrays[0]

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)
