"""Quadratic bowls and saddles of any spectrum, aligned with the axes or rotated."""

import functools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from ..base import Count, Index, Positive, Real
from ..init import Init, Point
from ..sweep import Structural, Swept, resolved
from ._rotation import rotation
from .base import Arrays, Landscape, Minimum


class Quadratic(Landscape):
    r"""A quadratic with a known spectrum: f(x) = 1/2 (x - c)^T Q diag(l) Q^T (x - c).

    The eigenvalues l are `spectrum`, or `dim` numbers from `sharpness` down to `sharpness / condition`, `spacing` log (constant ratio)
    or linear. Q is the identity, or with `rotation_seed` a random orthogonal matrix, Haar distributed. c is `center` in every component.
    Minimum 0 at c if no eigenvalue is negative (otherwise c is a saddle).
    Gradient descent with learning rate h multiplies the error along eigenvector j by 1 - h l_j per step; it converges iff 0 < h < 2 / max l.
    Source: textbook (Nesterov 2018, doi:10.1007/978-3-319-91578-4, section 1.2); Q as in Mezzadri, arXiv:math-ph/0609050.
    """

    kind: Literal["quadratic"] = "quadratic"
    dim: Structural[Count] = 2
    condition: Swept[Annotated[Real, Field(ge=1)]] = 100.0
    sharpness: Swept[Positive] = 1.0
    spacing: Structural[Literal["log", "linear"]] = "log"
    spectrum: Annotated[tuple[Real, ...], Field(min_length=1)] | None = None
    rotation_seed: Structural[Index | None] = None
    center: Swept[Real] = 0.0

    source = "doi:10.1007/978-3-319-91578-4"

    @model_validator(mode="before")
    @classmethod
    def _counts(cls, data: Any) -> Any:
        """`spectrum` says how many components there are."""
        given = data.get("spectrum") if isinstance(data, dict) else None
        return {"dim": len(given), **data} if isinstance(given, (list, tuple)) and given else data

    @model_validator(mode="after")
    def _one_spectrum(self):
        if self.spectrum is not None:
            if self.dim != len(self.spectrum):
                raise ValueError(f"`dim` must be {len(self.spectrum)}, the number of values in `spectrum`; leave it out")
            if any(getattr(self, name) != type(self).model_fields[name].default for name in ("condition", "sharpness", "spacing")):
                raise ValueError("give either `spectrum`, or `condition`, `sharpness` and `spacing`")
        return self

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (resolved(self.dim),)}

    def start(self) -> Init:
        return Point(at=1.0)

    def minima(self, values: Mapping[str, float]) -> list[Minimum]:
        return [Minimum((values["center"],) * self.size, 0.0)] if min(self.spectrum or (0,)) >= 0 else []

    def eigenvalues(self, p: Arrays, dtype: Any, xp: Any) -> Any:
        """The spectrum, (..., dim)."""
        if self.spectrum is not None:
            return xp.asarray(self.spectrum, dtype=dtype)
        at = xp.arange(self.size, dtype=dtype) / max(self.size - 1, 1)
        top, condition = (xp.asarray(p[name], dtype=dtype)[..., None] for name in ("sharpness", "condition"))
        return top * xp.exp(-xp.log(condition) * at) if resolved(self.spacing) == "log" else top * (1 - (1 - 1 / condition) * at)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        away = x - xp.asarray(p["center"], dtype=x.dtype)[..., None]
        along = self._rotated(away, True, xp)
        force = self.eigenvalues(p, x.dtype, xp) * along
        return xp.sum(along * force, axis=-1) / 2, self._rotated(force, False, xp)

    def hessian(self, x: Any, p: Arrays, xp: Any) -> Any:
        """Q diag(l) Q^T, (..., dim, dim)."""
        force = self.eigenvalues(p, x.dtype, xp)[..., None, :] * self._rotated(xp.eye(self.size, dtype=x.dtype), True, xp)
        return self._rotated(force, False, xp) + 0 * x[..., None]

    def gradient_along(self, x: Any, v: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        return self.value_and_grad(x, p, xp)[1], self.hvp(x, v, p, xp)

    def hvp(self, x: Any, v: Any, p: Arrays, xp: Any) -> Any:
        """Q diag(l) Q^T v."""
        return self._rotated(self.eigenvalues(p, x.dtype, xp) * self._rotated(v, True, xp), False, xp) + 0 * x

    def _rotated(self, v: Any, back: bool, xp: Any) -> Any:
        """Q v, or Q^T v if `back`, one column after the other: a run's bits do not depend on how many runs there are."""
        seed = resolved(self.rotation_seed)
        if seed is None:
            return v
        columns = _columns(seed, self.size, back, v.dtype, str(v.device), xp)
        made = v[..., :1] * columns[0, :]
        for j in range(1, self.size):
            made = made + v[..., j : j + 1] * columns[j, :]
        return made

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"dim": 4, "condition": 10.0, "sharpness": 3.0, "rotation_seed": 0, "center": 0.5}


@functools.lru_cache(maxsize=16)
def _columns(seed: int, dim: int, back: bool, dtype: Any, device: str, xp: Any) -> Any:
    """The columns of the random orthogonal matrix Q, or of Q^T if `back`, as rows of one array."""
    q = rotation(np.random.default_rng(seed), dim)
    return xp.asarray(np.ascontiguousarray(q if back else q.T), dtype=dtype)
