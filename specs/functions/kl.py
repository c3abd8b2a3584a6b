"""kl(p_logits, q_logits): the Kullback-Leibler divergence of softmax(p_logits) from softmax(q_logits), along the last axis."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, Wrong, apply, broadcast


class Kl(Composed):
    """sum p (log p - log q) along the last axis, with p and q the softmax of the logits; one number a row. A class with p = 0 (a logit of
    -inf, or far below the others) counts 0; one with q = 0 < p makes it infinite. Source: Kullback and Leibler 1951,
    doi:10.1214/aoms/1177729694."""

    name = "kl"
    group = "losses"
    examples = ("kl(x, z)", "kl(x, v)", "kl(50*x, z)")

    def build(self, *args: Node, **options: Any) -> Node:
        p_logits, q_logits = args
        if broadcast([p_logits.shape, q_logits.shape]) is None or p_logits.shape[-1:] != q_logits.shape[-1:] or not p_logits.shape:
            raise Wrong("kl takes two arrays of logits with as many classes, and {0} and {1} do not go together", p_logits, q_logits)
        p_logs, q_logs = log_softmax(p_logits), log_softmax(q_logits)
        p = apply("exp", p_logs)
        return apply("sum", p * apply("where", p > 0.0, p_logs - q_logs, 0.0), axis=-1)


def log_softmax(z: Node) -> Node:
    """The logarithms of the probabilities."""
    return z - apply("logsumexp", z, axis=-1, keepdims=True)
