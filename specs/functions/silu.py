"""silu(x): x sigmoid(x), also called swish."""

from ..program.function import Composed
from ..program.node import Node, apply


class Silu(Composed):
    """x sigmoid(x). NaN at -inf, where it is infinity times 0. Source: Elfwing, Uchibe and Doya 2018, doi:10.1016/j.neunet.2017.12.012."""

    name = "silu"
    group = "elementwise"
    examples = ("silu(x)",)
    count = 1

    def build(self, *args: Node) -> Node:
        (x,) = args
        return x * apply("sigmoid", x)
