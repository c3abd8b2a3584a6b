"""Factorization of a matrix of low rank."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ..base import Count, Real
from ..init import Init, Normal
from ..sweep import Structural, Swept
from ._tensor_landscape import TensorLandscape


class MatrixFactorization(TensorLandscape):
    r"""f(U, V) = 1/2 |U V^T - M|^2, M diagonal with `rank` singular values from 1 down to 1 / condition, geometrically, then zeros.

    Blocks U (rows, width) and V (cols, width); width >= rank reaches 0. All balanced solutions U^T U = V^T V are minima, saddles lie where
    some directions of M are not learnt; from a small start the singular values of M are learnt one after another, the largest first.
    Observables: error = |U V^T - M|, imbalance = |U^T U - V^T V|, which gradient flow conserves. The gradients are R V and R^T U with
    R = U V^T - M. Source: arXiv:1905.13655.
    """

    kind: Literal["matrix_factorization"] = "matrix_factorization"
    rows: Structural[Count] = 8
    cols: Structural[Count] = 8
    width: Structural[Count] = 3
    rank: Structural[Count] = 3
    condition: Swept[Annotated[Real, Field(ge=1)]] = 10.0

    variables = {"U": ("rows", "width"), "V": ("cols", "width")}
    define = {
        "k": "arange(rows)",
        "r": "min(rank, min(rows, cols))",
        "M": "where(k < r, exp(-log(condition) * k / max(r - 1, 1)), 0)",
        "R": "U @ V.T - reshape(M, [rows, 1]) * one_hot(k, cols)",
    }
    formula = "sum(R**2)/2"
    observables = {"error": "norm(R)", "imbalance": "norm(U.T @ U - V.T @ V)"}
    source = "arXiv:1905.13655"

    def start(self) -> Init:
        return Normal(std=0.1)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"rows": 4, "cols": 3, "width": 2, "rank": 2}
