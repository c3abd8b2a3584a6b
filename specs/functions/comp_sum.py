"""comp_sum(logits, y, tau): the comp-sum losses, one family from the sum of exponentials (tau = 0) through cross-entropy (1) to the mean
absolute error (2)."""

from typing import Any

from ..program.function import Composed, as_node
from ..program.node import Node, Wrong, apply
from .cross_entropy import cross_entropy


class CompSum(Composed):
    """((1 + u)**(1 - tau) - 1)/(1 - tau), and log(1 + u) at tau = 1, where u is the sum of exp(z[k] - z[y]) over the classes k other than y;
    one number a row. log(1 + u) is the cross-entropy c, so that this is expm1((1 - tau) c)/(1 - tau), accurate close to tau = 1 and for
    large logits. Slopes by tau lose digits close to tau = 1 (not at 1). Source: Mao, Mohri and Zhong 2023, arXiv:2304.07288."""

    name = "comp_sum"
    group = "losses"
    examples = ("comp_sum(x, y, 1)", "comp_sum(x, y, 0)", "comp_sum(x, y, tau=1.5)", "comp_sum(x, y, s)")

    def build(self, *args: Node, tau: float | None = None, **options: Any) -> Node:
        z, y, order = args if tau is None else (*args, as_node(tau))
        if order.shape:
            raise Wrong("comp_sum takes one number tau, and {2} is an array", z, y, order)
        c, t = cross_entropy(self.name, z, y), 1.0 - order
        if t.is_number:
            return c if t.number == 0 else apply("expm1", t * c) / t
        one = apply("equal", t, 0.0)
        safe = apply("where", one, 1.0, t)
        return apply("where", one, c + 0.5 * t * c * c, apply("expm1", safe * c) / safe)
