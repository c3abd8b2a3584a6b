"""ensloss(margin, z, lam): a loss of margins that is given only by its slopes, which are random: one draw from many losses, all calibrated."""

from typing import Any

from ..program.function import Composed, as_float, as_node, reshaped
from ..program.node import Node, Wrong, apply, node
from .sort import ORDER, UNSORT


class Ensloss(Composed):
    """g m, entry by entry, where the slopes g count as constant: they are made of z, as many numbers as margins, best normal ones. With
    b(z) = max(1 + lam z, 0)**(1/lam), exp(z) at lam = 0 (the inverse of Box and Cox's transformation), the numbers -min(b(z), 1) in
    increasing order go to the margins in increasing order, are divided by the margin where that is above 1, and lessened by 1e-6. So they
    are slopes of a convex loss that falls everywhere. The value is no loss: only its gradient means something, and second derivatives are
    0. Equal margins take their slopes in the order of their entries. lam is 0 if not given. With `draws: {z: normal(n)}` and z[:n], which
    is as long as a minibatch, a seed keeps its numbers; the paper draws them anew at every step. Source: Dai 2025, arXiv:2409.00908, in the
    form of its code."""

    name = "ensloss"
    group = "losses"
    examples = ("ensloss(v/2, k - 2)", "ensloss(x/2, c)", "ensloss(v/2, k - 2, 0.5)", "ensloss(v/2, k - 2, lam=-0.5)", "ensloss(v/2, k, s)")
    count = (2, 3)

    def build(self, *args: Node, lam: float = 0.0, **options: Any) -> Node:
        margin, z, power = args if len(args) == 3 else (*args, as_node(lam))
        if margin.shape != z.shape:
            raise Wrong("ensloss takes a number for each margin: {0} and {1} must have one shape", margin, z)
        if power.shape:
            raise Wrong("ensloss takes one number lam, and {2} is an array", margin, z, power)
        m, flat = as_float(margin), (margin.size,)
        lined = reshaped(m, flat)
        slopes = apply("sort", -inverse_box_cox(apply("minimum", reshaped(as_float(z), flat), 0.0), power))
        placed = node(UNSORT, (slopes, node(ORDER, (lined,), flat, "int", axis=-1)), flat, axis=-1)
        slope = apply("stop_gradient", placed / apply("maximum", lined, 1.0) - 1e-6)
        return reshaped(slope, m.shape) * m


def inverse_box_cox(z: Node, lam: Node) -> Node:
    """max(1 + lam z, 0)**(1/lam), exp(z) at lam = 0."""
    if lam.is_number and lam.number == 0:
        return apply("exp", z)
    flat = apply("equal", lam, 0.0)
    safe = apply("where", flat, 1.0, lam)
    return apply("where", flat, apply("exp", z), apply("maximum", 1.0 + safe * z, 0.0) ** (1.0 / safe))
