"""What optimizers made of interacting particles share: their contract, and the consensus point."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from ..specs.base import Count, Index, Positive, Real
from ..specs.sweep import Structural, Swept, resolved
from .base import RuleOptimizer


class ParticleOptimizer(RuleOptimizer):
    """Many particles that see only the landscape's values: the rule gets x (..., particles, dim) and f (..., particles, 1).

    The iterate of the run, which is recorded and at which the loss is evaluated, is their consensus point. A rule with an argument `loss` gets its
    value (..., 1, 1). `swarm` (all particles) is recorded if `record.variables` lists it. At step t the weights use
    min(alpha alpha_growth^t, alpha_max), which a rule gets as `alpha`. With `batch`, the consensus is taken over that many particles,
    drawn anew at each step (arXiv:1909.09249), or over all if there are fewer; for the other particles f is infinite. If the
    noise is minibatch or online, f holds the values on one batch per step, the same for all particles of a run (arXiv:1909.09249), and the
    recorded loss is still that of the whole landscape.
    """

    particles: Structural[Annotated[Count, Field(le=10**7)]] = 100
    alpha: Swept[Positive] = 100.0
    alpha_growth: Swept[Annotated[Real, Field(ge=1)]] = 1.0
    alpha_max: Swept[Positive] = 1e15
    batch: Structural[Index] = 0

    sees_gradients = False
    head: ClassVar[tuple[str, ...]] = ("x", "f")
    needs_spread_start = True

    def state_numbers(self, blocks: Mapping[str, tuple[int, ...]]) -> int:
        return resolved(self.particles) * super().state_numbers(blocks)


def consensus(x: Any, f: Any, alpha: Any) -> Any:
    """sum_i w_i x_i / sum_i w_i with w_i = exp(-alpha (f_i - min_j f_j)), (..., 1, dim); particles at NaN or infinity have no weight.

    x (..., particles, dim), f (..., particles, 1); alpha broadcasts against f. Source: arXiv:1604.05648.
    """
    w = weights(f, alpha)
    return np.sum(w * np.where(np.isfinite(f), x, 0.0), axis=-2, keepdims=True)


def weights(f: Any, alpha: Any) -> Any:
    """exp(-alpha f_i) / sum_j exp(-alpha f_j), (..., particles, 1)."""
    finite = np.isfinite(f)
    low = np.min(np.where(finite, f, np.inf), axis=-2, keepdims=True)
    w = np.where(finite, np.exp(-alpha * (np.where(finite, f, low) - low)), 0.0)
    return w / np.sum(w, axis=-2, keepdims=True)
