"""A two-layer linear network that learns from a teacher of its own size."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..base import Count, Positive
from ..init import FanIn, Init
from ..sweep import Structural, Swept, resolved
from .base import Arrays, Landscape


class LinearTeacher(Landscape):
    r"""Population loss f = variance/2 |W1 w2 - T1 t2|^2 of the network y = w2^T W1^T x, inputs x ~ N(0, variance I).

    Blocks W1 (inputs, hidden), w2 (hidden, 1). The teacher (T1, t2) has this shape too, its entries uniform with the bound 1/sqrt(inputs)
    and 1/sqrt(hidden), drawn for every seed; `init: solution` starts there. Observables: error = |W1 w2 - T1 t2|, norm1 and norm2, the
    Frobenius norms of the layers. Near a solution the error row r obeys r' = -variance K r under curl descent with signs D1 (inputs) and
    D2 (hidden), K = |w2|^2 D1 + W1 D2 W1^T: the solution is stable iff K is positive definite (derived).
    Source: arXiv:2510.02765 (student and teacher of its figures 3 and 4); K is derived.
    """

    kind: Literal["linear_teacher"] = "linear_teacher"
    inputs: Structural[Count] = 20
    hidden: Structural[Count] = 20
    variance: Swept[Positive] = 0.5

    source = "arXiv:2510.02765"
    domain = (-1.0, 1.0)

    @property
    def sizes(self) -> tuple[int, int]:
        """(inputs, hidden); of a sweep, which the engine resolves before it runs, the first."""
        return resolved(self.inputs), resolved(self.hidden)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        inputs, hidden = self.sizes
        return {"W1": (inputs, hidden), "w2": (hidden, 1)}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("error", "norm1", "norm2")

    @property
    def disorder_size(self) -> int:
        return self.size

    def start(self) -> Init:
        return FanIn(gain=3**-0.5)

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`teacher` (seeds, dim), as the student's weights lie in a point."""
        from scipy.special import ndtr

        inputs, hidden = self.sizes
        bound = np.concatenate([np.full(inputs * hidden, inputs**-0.5), np.full(hidden, hidden**-0.5)])
        z = normal(self.size)
        return {"teacher": ((2 * ndtr(z) - 1) * bound).astype(z.dtype)}

    def solution(self, p: Arrays, xp: Any) -> Any:
        return p["teacher"]

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        r = self._error(x, p, xp)[2]
        return xp.asarray(p["variance"], dtype=x.dtype) / 2 * xp.sum(r * r, axis=-1)

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        first, second, r = self._error(x, p, xp)
        variance = xp.asarray(p["variance"], dtype=x.dtype)
        slope = variance[..., None] * r
        outer = slope[..., :, None] * second[..., None, :]
        back = xp.matmul(slope[..., None, :], first)[..., 0, :]
        flat = xp.reshape(outer, (*outer.shape[:-2], self.sizes[0] * self.sizes[1]))
        return variance / 2 * xp.sum(r * r, axis=-1), xp.concat([flat, back], axis=-1)

    def jacobian(self, x: Any, p: Arrays, xp: Any) -> Any:
        """dr/dW1_jh = w2_h e_j and dr/dw2_h = W1_h: with signs D the kernel J D J^T is K."""
        first, second = self._layers(x, xp)
        inputs, hidden = self.sizes
        blocks = xp.eye(inputs, dtype=x.dtype)[:, :, None] * second[..., None, None, :]
        return xp.concat([xp.reshape(blocks, (*x.shape[:-1], inputs, inputs * hidden)), first], axis=-1)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        first, second, r = self._error(x, p, xp)
        norms = [xp.sqrt(xp.sum(first * first, axis=(-2, -1))), xp.sqrt(xp.sum(second * second, axis=-1))]
        return {"error": xp.sqrt(xp.sum(r * r, axis=-1)), "norm1": norms[0], "norm2": norms[1]}

    def _error(self, x: Any, p: Arrays, xp: Any) -> tuple[Any, Any, Any]:
        """W1, w2 and r = W1 w2 - T1 t2."""
        (first, second), (t1, t2) = self._layers(x, xp), self._layers(p["teacher"], xp)
        r = xp.matmul(first, second[..., None])[..., 0] - xp.matmul(t1, t2[..., None])[..., 0]
        return first, second, r

    def _layers(self, x: Any, xp: Any) -> tuple[Any, Any]:
        inputs, hidden = self.sizes
        return xp.reshape(x[..., : inputs * hidden], (*x.shape[:-1], inputs, hidden)), x[..., inputs * hidden :]

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"inputs": 4, "hidden": 3}
