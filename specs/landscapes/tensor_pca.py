"""Tensor PCA: find the direction planted in a noisy symmetric tensor."""

import itertools
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from ..base import Count, NonNegative, Positive
from ..init import Init, Sphere
from ..sweep import Structural, Sweep, Swept, resolved
from .base import Arrays, Landscape

MAX_ENTRIES = 2**26


class TensorPca(Landscape):
    r"""f(x) = -<S, x^(k)> with S the symmetric part of e_0^(k) + n^(-1/2) Z, Z standard normal, x on the unit sphere.

    k `order`, n `samples`; the planted direction is e_0 without loss of generality, as Z is rotation invariant. Every seed has its own Z.
    Observable: overlap = x_0 / |x|. Known rates (samples needed, d the dimension): online SGD and the last iterate of Langevin dynamics
    d^(k-1), averaged Langevin dynamics about d^{ceil(k/2)}, smoothed SGD about d^(k/2). Closed forms for small inverse temperature e of
    spherical_langevin, k = 3 (derived): the mean iterate is (6 e / (d (d + 2))) S[I], S[I]_i = sum_a S_aai, whose overlap with e_0 is
    about 1 / sqrt(1 + d (d + 2) / (3 n)). With `smoothing` l > 0, f is its mean over (x + l z) / sqrt(1 + l^2), z uniform on the unit sphere
    across x, in closed form from the tensor's partial traces. Source: arXiv:1411.1076 (model); arXiv:2603.06028 (rates);
    arXiv:2305.10633 (smoothing).
    """

    kind: Literal["tensor_pca"] = "tensor_pca"
    dim: Structural[Annotated[Count, Field(ge=2)]] = 16
    order: Structural[Literal[2, 3, 4]] = 3
    samples: Swept[Positive] = 1000.0
    smoothing: Swept[NonNegative] = 0.0

    source = "arXiv:1411.1076"
    domain = (-1.0, 1.0)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (resolved(self.dim),)}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("overlap",)

    @model_validator(mode="after")
    def _fits(self):
        if self.disorder_size > MAX_ENTRIES:
            raise ValueError(f"the tensor of a seed has {self.disorder_size:,} entries; at most {MAX_ENTRIES:,} are allowed")
        return self

    @property
    def disorder_size(self) -> int:
        return max(_values(self.dim)) ** max(_values(self.order))

    def start(self) -> Init:
        return Sphere()

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`z`, the symmetric part of Z, and `trace`, that with its last two axes traced out. From order 3 on z is (seeds, dim (dim + 1) / 2,
        dim, ...): of the first two axes the pairs i <= j alone, which halves what every step reads."""
        dim, order = resolved(self.dim), resolved(self.order)
        z = normal(dim**order)
        z = z.reshape(len(z), *(dim,) * order)
        axes = [(0, *(1 + a for a in p)) for p in itertools.permutations(range(order))]
        z = sum((z.transpose(a) for a in axes), np.zeros(())) / math.factorial(order)
        packed = z[:, *np.triu_indices(dim)] if order > 2 else z
        return {"z": np.ascontiguousarray(packed), "trace": np.trace(z, axis1=-2, axis2=-1)}

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        order, dim = resolved(self.order), resolved(self.dim)
        size = 1 / xp.sqrt(xp.asarray(p["samples"], dtype=x.dtype))
        contracted = (self._paired(x, p["z"], xp) if order > 2 else self._contracted(x, p["z"], 2, xp)) * size[..., None]
        slope = _plus_first(contracted, x[..., 0] ** (order - 1), xp)
        value, gradient = xp.sum(slope * x, axis=-1), order * slope
        if isinstance(self.smoothing, float) and not self.smoothing:
            return -value, -gradient
        square = xp.asarray(p["smoothing"], dtype=x.dtype) ** 2
        once, twice = math.comb(order, 2) * square / (dim - 1), (3 if order == 4 else 0) * square**2 / ((dim - 1) * (dim + 1))
        traced, traced_slope, both = self._traced(x, p["trace"], size, order, xp)
        norm = (1 + square) ** (order / 2)
        value = ((1 - once + twice) * value + (once - 2 * twice) * traced + twice * both) / norm
        gradient = ((1 - once + twice)[..., None] * gradient + (once - 2 * twice)[..., None] * traced_slope) / norm[..., None]
        return -value, -gradient

    def _traced(self, x: Any, trace: Any, size: Any, order: int, xp: Any) -> tuple[Any, Any, Any]:
        """S[I, x, ...], its gradient, and for order 4 S[I, I]."""
        if order == 2:
            return trace * size + 1, xp.zeros_like(x), 0 * size
        slope = _plus_first(self._contracted(x, trace, order - 2, xp) * size[..., None], x[..., 0] ** (order - 3), xp)
        both = xp.linalg.trace(trace) * size + 1 if order == 4 else 0 * size
        return xp.sum(slope * x, axis=-1), (order - 2) * slope, both

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        return {"overlap": x[..., 0] / xp.sqrt(xp.sum(x * x, axis=-1))}

    def _paired(self, x: Any, z: Any, xp: Any) -> Any:
        """Z[x, ..., x, .] of the packed tensor: sum over pairs i <= j of m_ij x_i x_j Z_ij..., m = 1 on the diagonal and 2 off it."""
        rows, cols = np.triu_indices(resolved(self.dim))
        twice = xp.asarray(np.where(rows == cols, 1.0, 2.0), dtype=x.dtype)
        i, j = (xp.asarray(index) for index in (rows, cols))
        pairs = twice * xp.take(x, i, axis=-1) * xp.take(x, j, axis=-1)
        lead, dim = z.shape[: 1 - resolved(self.order)], resolved(self.dim)
        made = xp.matmul(pairs[..., None, :], xp.reshape(z, (*lead, len(rows), -1)))[..., 0, :]
        for k in range(resolved(self.order) - 3, 0, -1):
            made = xp.sum(xp.reshape(made, (*made.shape[:-1], dim**k, dim)) * x[..., None, :], axis=-1)
        return made

    def _contracted(self, x: Any, z: Any, order: int, xp: Any) -> Any:
        """Z[x, ..., x, .]: every axis but one contracted, (..., dim). One matrix-vector product a run, then what is left of it."""
        if order == 1:
            return z
        dim = resolved(self.dim)
        lead = z.shape[:-order]
        made = xp.matmul(xp.reshape(z, (*lead, dim ** (order - 1), dim)), x[..., None])[..., 0]
        for k in range(order - 2, 0, -1):
            made = xp.sum(xp.reshape(made, (*made.shape[:-1], dim**k, dim)) * x[..., None, :], axis=-1)
        return made

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"dim": 5, "order": 3, "samples": 50.0, "smoothing": 0.5}


def _plus_first(a: Any, number: Any, xp: Any) -> Any:
    """a (..., dim) with `number` (...) added to its first component."""
    return xp.concat([(a[..., 0] + number)[..., None], a[..., 1:] + 0 * number[..., None]], axis=-1)


def _values(value: Any) -> tuple[Any, ...]:
    """A structural field's values, one or those of a sweep."""
    return value.values if isinstance(value, Sweep) else (value,)
