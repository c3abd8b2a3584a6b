"""dpo(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta): the loss of direct preference optimisation."""

from typing import Any

from ..program.function import Composed, as_node
from ..program.node import Node, Wrong, apply, broadcast


class Dpo(Composed):
    """-log sigmoid(beta ((pc - rc) - (pr - rr))), entry by entry, of the logarithms of the probabilities that policy and reference give to the
    chosen and the rejected answer. The reference counts as it is given: stop_gradient is the user's. Source: Rafailov, Sharma, Mitchell,
    Ermon, Manning and Finn 2023, arXiv:2305.18290, equation 7."""

    name = "dpo"
    group = "losses"
    examples = ("dpo(x, z, v, w, 0.1)", "dpo(x, z, v, w, beta=2)", "dpo(x, z, 0, 0, s)", "dpo(50*x, z, v, w, 1)")

    def build(self, *args: Node, beta: float | None = None, **options: Any) -> Node:
        *logs, scale = args if beta is None else (*args, as_node(beta))
        policy_chosen, policy_rejected, reference_chosen, reference_rejected = logs
        for k, a in enumerate(logs):
            for m, b in enumerate(logs[:k]):
                if broadcast([a.shape, b.shape]) is None:
                    raise Wrong(f"dpo takes four arrays of one shape, and {{{m}}} and {{{k}}} do not go together", *logs)
        if scale.shape:
            raise Wrong("dpo takes one number beta, and {4} is an array", *logs, scale)
        better = (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)
        return apply("softplus", -(scale * better))
