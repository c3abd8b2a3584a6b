"""cross_entropy(logits, y): minus the logarithm of the probability that softmax(logits) gives to the class y."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, Wrong, apply


class CrossEntropy(Composed):
    """logsumexp(z) - z[y] along the last axis, one number a row. y are whole numbers from 0; source: Bridle 1990,
    doi:10.1007/978-3-642-76153-9_28."""

    name = "cross_entropy"
    group = "losses"
    examples = ("cross_entropy(x, y)",)
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        return cross_entropy(self.name, *args)


def cross_entropy(name: str, z: Node, y: Node) -> Node:
    """The cross-entropy of every row, for the function of this name. Raises Wrong if y is not one class a row."""
    if y.kind != "int":
        raise Wrong(f"{name} takes classes as whole numbers, and {{1}} is something else", z, y)
    if not z.ndim or z.shape[:-1] != y.shape:
        raise Wrong(f"{name} takes one class per row of logits: {{1}} must have the shape of {{0}} without its last axis", z, y)
    return apply("logsumexp", z, axis=-1) - apply("pick", z, y)
