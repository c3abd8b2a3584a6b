"""A quadratic of a matrix with chosen conditioning on both sides."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..base import Count, Index, Real
from ..init import Init, Normal
from ..sweep import Structural, Swept, resolved
from ._program import TensorFormula
from ._rotation import rotation
from ._tensor_landscape import TensorLandscape
from .base import Minimum

Condition = Annotated[Real, Field(ge=1)]


class MatrixQuadratic(TensorLandscape):
    r"""f(W) = 1/2 tr((W - C)^T A (W - C) B), where the eigenvalues of A (rows) and B (cols) fall geometrically from 1.

    A and B are diagonal, or with `rotation_seed` have random orthogonal eigenvectors (Haar distributed). cond(A) is `left`, cond(B) `right`; C
    has `center` on its diagonal, 0 elsewhere. The Hessian's eigenvalues are the products A_i B_j, so its condition number is left * right.
    Observables: `spectral` and `nuclear`, the largest and the sum of the singular values of W - C, and gradient_nuclear, the sum of the
    gradient's. Source: derived; the matrix form is Muon's and FISMO's own test bed.
    """

    kind: Literal["matrix_quadratic"] = "matrix_quadratic"
    rows: Structural[Count] = 16
    cols: Structural[Count] = 16
    left: Swept[Condition] = 10.0
    right: Swept[Condition] = 10.0
    center: Swept[Real] = 0.0
    rotation_seed: Structural[Index | None] = None

    variables = {"params": ("rows", "cols")}
    define = {
        "A": "exp(-log(left) * arange(rows) / max(rows - 1, 1))",
        "B": "exp(-log(right) * arange(cols) / max(cols - 1, 1))",
        "away": "params - center*one_hot(arange(rows), cols)",
        "turned": "away",
        "f": "sum(reshape(A, [rows, 1]) * B * turned**2)/2",
    }
    formula = "f"
    observables = {
        "spectral": "svdvals(away)[0]",
        "nuclear": "sum(svdvals(away))",
        "gradient_nuclear": "sum(svdvals(grad(f, params)))",
    }
    source = "arXiv:2601.21750"
    domain = (-2.0, 2.0)

    def definition(self) -> TensorFormula:
        made, seed = super().definition(), resolved(self.rotation_seed)
        if seed is None:
            return made
        left, right = _rotations(seed, resolved(self.rows), resolved(self.cols))
        return dataclasses.replace(made, arrays={"P": left, "Q": right}, define={**made.define, "turned": "P.T @ away @ Q"})

    def start(self) -> Init:
        return Normal(std=1.0)

    def minima(self, values: Mapping[str, float]) -> list[Minimum]:
        rows, cols = self.blocks["params"]
        return [Minimum(tuple(values["center"] * (i == j) for i in range(rows) for j in range(cols)), 0.0)]

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"rows": 3, "cols": 5, "left": 4.0, "right": 7.0, "center": 0.5, "rotation_seed": 1}


@functools.lru_cache(maxsize=16)
def _rotations(seed: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Q_A and Q_B."""
    rng = np.random.default_rng(seed)
    return rotation(rng, rows), rotation(rng, cols)
