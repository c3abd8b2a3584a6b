"""What optimizers of matrices share: their contract, and orthogonalisation."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import model_validator

from ..specs.base import Fraction, NonNegative
from ..specs.functions.newton_schulz import MUON, by_products
from ..specs.functions.renewed_eigenvectors import eigenvectors
from ..specs.program.trace import Traced
from ..specs.sweep import Swept
from .adamw import AdamW
from .base import RuleOptimizer


class Rest(AdamW):
    """AdamW for parameters that are not matrices. Its numbers can be swept: `rest: {lr: [1.0e-4, 1.0e-3]}`. Schedule, clipping, average and
    factors on lr are those of the whole optimizer."""

    lr: Swept[NonNegative] = 3e-4
    beta2: Swept[Fraction] = 0.95
    eps: Swept[NonNegative] = 1e-10
    weight_decay: Swept[NonNegative] = 0.0

    @model_validator(mode="after")
    def _has_no_wrappers(self):
        for name in ("label", "lr_scale", "schedule", "clip", "average"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"rest has no {name} of its own; give it to the optimizer, which passes it on")
        return self


class MatrixOptimizer(RuleOptimizer):
    """An optimizer whose rule acts on a matrix: x and g are (..., rows, cols). Parameters that are not matrices are updated by AdamW, `rest`; a
    landscape without a matrix is refused.

    States are shaped as x; those in `square` are (..., rows, rows) (axis 0) or (..., cols, cols) (axis 1) and start at the identity.
    `rest` has the optimizer's schedule.
    """

    rest: Rest = Rest()

    square: ClassVar[dict[str, int]] = {}

    def unfit(self, blocks: Mapping[str, tuple[int, ...]]) -> str | None:
        if any(len(shape) == 2 for shape in blocks.values()):
            return None
        return f"{self.kind} is for matrices; use a landscape with one, or an optimizer for vectors such as adamw"

    def state_numbers(self, blocks: Mapping[str, tuple[int, ...]]) -> int:
        numbers = 0
        for shape in blocks.values():
            if len(shape) == 2:
                numbers += sum(shape[self.square[name]] ** 2 if name in self.square else math.prod(shape) for name in self.state)
            else:
                numbers += len(AdamW.state) * math.prod(shape)
        return numbers

    def remarks(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
        rest = [name for name, shape in blocks.items() if len(shape) != 2]
        return {"rest": f"AdamW updates the parameters that are not matrices: {', '.join(rest)}"} if rest else {}


def transposed(a: Any) -> Any:
    """The last two axes exchanged."""
    return np.moveaxis(a, -1, -2)


def newton_schulz(g: Any, steps: int, coefficients: tuple[float, float, float] = MUON, eps: Any = 1e-7, clamp: bool = False) -> Any:
    """Orthogonalisation by matrix products alone (specs/functions/newton_schulz.py) of g (..., rows, cols), wide or tall: one function of the
    language, which an executor may have a kernel for."""
    if isinstance(g, Traced):
        return g.new("newton_schulz", g, eps, steps=steps, coefficients=coefficients, clamp=clamp)
    return by_products(np, g, steps, coefficients, eps, clamp)


def renewed_eigenvectors(a: Any, old: Any, due: Any) -> Any:
    """The eigenvectors of symmetric matrices (..., n, n) where they are due, the old ones elsewhere: one function of the language, which
    computes none while none are due (specs/functions/renewed_eigenvectors.py)."""
    if isinstance(a, Traced):
        return a.new("renewed_eigenvectors", a, old, due)
    return eigenvectors(np, a) if due else old


def polar(g: Any) -> Any:
    """The polar factor U V^T of G = U S V^T over the singular values that are not 0: those above max(rows, cols) eps s_max, as for NumPy's
    matrix_rank. The others stay 0, so that of diag(1, 0, 0) it is diag(1, 0, 0), and of 0 it is 0. g (..., rows, cols); NaN where G is not
    finite.
    """
    finite = np.all(np.isfinite(g), axis=(-2, -1), keepdims=True)
    u, s, v = np.linalg.svd(np.where(finite, g, 0.0), full_matrices=False)
    s = s[..., None, :]
    least = max(g.shape[-2:]) * np.finfo(g.dtype).eps * np.max(s, axis=-1, keepdims=True)
    return np.where(finite, np.matmul(np.where(s > least, u, 0.0), v), np.nan)


def powers(p: Any, *exponents: float) -> tuple[Any, ...]:
    """Powers of symmetric positive semidefinite matrices (..., n, n), from one eigendecomposition; NaN where P is not finite.

    For negative powers eigenvalues below n eps times the largest, which rounding hides, count as that: they would give it any size.
    """
    finite = np.all(np.isfinite(p), axis=(-2, -1), keepdims=True)
    values, vectors = np.linalg.eigh(np.where(finite, p, np.eye(p.shape[-1], dtype=p.dtype)))
    values = np.maximum(values, np.finfo(p.dtype).smallest_normal)[..., None, :]
    hidden = p.shape[-1] * np.finfo(p.dtype).eps * np.max(values, axis=-1, keepdims=True)
    made = [np.matmul(vectors * (values if e > 0 else np.maximum(values, hidden)) ** e, transposed(vectors)) for e in exponents]
    return tuple(np.where(finite, power, np.nan) for power in made)
