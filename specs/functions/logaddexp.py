"""logaddexp(a, b): log(exp(a) + exp(b))."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Logaddexp(Elementwise):
    """log(exp(a) + exp(b)), without overflow. Its slopes are sigmoid(a - b) and sigmoid(b - a): 1/2 each where a = b, but NaN where both are the
    same infinity, since a - b is."""

    name = "logaddexp"
    ufunc = "logaddexp"
    examples = ("logaddexp(x, z)", "logaddexp(x, v)", "logaddexp(x, 0)")
    count = 2

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return apply("sigmoid", a - b), apply("sigmoid", b - a)
