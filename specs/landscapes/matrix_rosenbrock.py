"""Rosenbrock's function of matrices."""

from collections.abc import Mapping
from typing import Literal

from ..base import Count, Positive
from ..init import Init, Normal
from ..sweep import Structural, Swept, resolved
from ._tensor_landscape import TensorLandscape
from .base import Minimum


class MatrixRosenbrock(TensorLandscape):
    r"""A curved valley of square matrices: f(X, Y) = |I - X|^2 + b |Y - X X^T|^2, Frobenius norms.

    Blocks X and Y, (rows, rows) each; b `steepness`. Minimum 0 at X = Y = I; the valley's floor is Y = X X^T. For one row it is
    Rosenbrock's function with a = 1. The gradients are 2 (X - I) - 2 b (R + R^T) X and 2 b R with R = Y - X X^T. Observable: floor = |R|.
    Source: derived, after Rosenbrock 1960, doi:10.1093/comjnl/3.3.175.
    """

    kind: Literal["matrix_rosenbrock"] = "matrix_rosenbrock"
    rows: Structural[Count] = 4
    steepness: Swept[Positive] = 10.0

    variables = {"X": ("rows", "rows"), "Y": ("rows", "rows")}
    define = {"R": "Y - X @ X.T"}
    formula = "sum((X - eye(rows))**2) + steepness*sum(R**2)"
    observables = {"floor": "norm(R)"}
    source = "https://doi.org/10.1093/comjnl/3.3.175"
    domain = (-1.5, 1.5)

    def start(self) -> Init:
        return Normal(std=0.3)

    def minima(self, values: Mapping[str, float]) -> list[Minimum]:
        rows = resolved(self.rows)
        eye = tuple(float(i == j) for i in range(rows) for j in range(rows))
        return [Minimum((*eye, *eye), 0.0)]
