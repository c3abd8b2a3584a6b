"""logaddexp(a, b): log(exp(a) + exp(b))."""

import math

from ..program.function import Elementwise
from ..program.node import Node, apply


class Logaddexp(Elementwise):
    """log(exp(a) + exp(b)), without overflow. Its slopes are sigmoid(a - b) and sigmoid(b - a): 1/2 each where a = b, but NaN where both are the
    same infinity, since a - b is."""

    name = "logaddexp"
    ufunc = "logaddexp"
    examples = ("logaddexp(x, z)", "logaddexp(x, v)", "logaddexp(x, 0)")
    count = 2

    def made_of(self, y: Node, a: Node, b: Node) -> Node:
        top, apart = apply("maximum", a, b), apply("abs", a - b)
        return apply("where", apply("equal", a, b), top + math.log(2.0), top + apply("log1p", apply("exp", -apart)))

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return apply("sigmoid", a - b), apply("sigmoid", b - a)
