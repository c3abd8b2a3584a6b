"""A two-layer linear network that learns from a teacher of its own size."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..base import Count, Positive
from ..init import FanIn, Init
from ..sweep import Structural, Swept, resolved
from ._program import Drawn, TensorFormula
from ._tensor_landscape import TensorLandscape
from .base import Arrays


class LinearTeacher(TensorLandscape):
    r"""Population loss f = variance/2 |W1 w2 - T1 t2|^2 of the network y = w2^T W1^T x, inputs x ~ N(0, variance I).

    Blocks W1 (inputs, hidden), w2 (hidden, 1). The teacher (T1, t2) has the same shapes. Its entries are uniform with the bounds 1/sqrt(inputs)
    and 1/sqrt(hidden) and drawn for every seed; `init: solution` starts at the teacher. Observables: error = |W1 w2 - T1 t2|, norm1 and norm2, the
    Frobenius norms of the layers. Near a solution the error row r obeys r' = -variance K r under curl descent with signs D1 (inputs) and
    D2 (hidden), K = |w2|^2 D1 + W1 D2 W1^T: the solution is stable iff K is positive definite (derived).
    Source: arXiv:2510.02765 (student and teacher of its figures 3 and 4); K is derived.
    """

    kind: Literal["linear_teacher"] = "linear_teacher"
    inputs: Structural[Count] = 20
    hidden: Structural[Count] = 20
    variance: Swept[Positive] = 0.5

    variables = {"W1": ("inputs", "hidden"), "w2": ("hidden", 1)}
    drawn = {"teacher": Drawn(("inputs*hidden + hidden",))}
    define = {
        "first": "reshape(teacher[:inputs*hidden], [inputs, hidden])",
        "second": "reshape(teacher[inputs*hidden:], [hidden, 1])",
        "r": "reshape(W1 @ w2 - first @ second, [inputs])",
    }
    formula = "variance/2*sum(r**2)"
    observables = {"error": "norm(r)", "norm1": "norm(W1)", "norm2": "norm(w2)"}
    source = "arXiv:2510.02765"

    def definition(self) -> TensorFormula:
        return dataclasses.replace(super().definition(), residuals="r")

    @property
    def disorder_size(self) -> int:
        return self.size

    def start(self) -> Init:
        return FanIn(gain=3**-0.5)

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`teacher` (seeds, dim), as the student's weights lie in a point."""
        from scipy.special import ndtr

        inputs, hidden = resolved(self.inputs), resolved(self.hidden)
        bound = np.concatenate([np.full(inputs * hidden, inputs**-0.5), np.full(hidden, hidden**-0.5)])
        z = normal(self.size)
        return {"teacher": ((2 * ndtr(z) - 1) * bound).astype(z.dtype)}

    def solution(self, p: Arrays, xp: Any) -> Any:
        return p["teacher"]

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"inputs": 4, "hidden": 3}
