"""Tensor PCA: find the direction planted in a noisy symmetric tensor."""

import itertools
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from ..base import Count, Positive
from ..init import Init, Sphere
from ..sweep import Structural, Sweep, Swept, resolved
from .base import Arrays, Landscape

MAX_ENTRIES = 2**26


class TensorPca(Landscape):
    r"""f(x) = -<S, x^(k)> with S the symmetric part of e_0^(k) + n^(-1/2) Z, Z standard normal, x on the unit sphere.

    k `order`, n `samples`; the planted direction is e_0, which loses nothing as Z is rotation invariant. Every seed has its own Z.
    Observable: overlap = x_0 / |x|. Known rates (samples needed, d the dimension): online SGD and the last iterate of Langevin dynamics
    d^(k-1), averaged Langevin dynamics and smoothed SGD about d^(k/2). Closed forms for small inverse temperature e of
    spherical_langevin, k = 3 (derived): the mean iterate is (6 e / (d (d + 2))) S[I], S[I]_i = sum_a S_aai, whose overlap with e_0 is
    about 1 / sqrt(1 + d (d + 2) / (3 n)). Source: arXiv:1411.1076 (model); arXiv:2603.06028 (rates).
    """

    kind: Literal["tensor_pca"] = "tensor_pca"
    dim: Structural[Annotated[Count, Field(ge=2)]] = 16
    order: Structural[Literal[2, 3, 4]] = 3
    samples: Swept[Positive] = 1000.0

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
            raise ValueError(f"a tensor of {self.disorder_size:,} entries a seed; at most {MAX_ENTRIES:,} are allowed")
        return self

    @property
    def disorder_size(self) -> int:
        return max(_values(self.dim)) ** max(_values(self.order))

    def start(self) -> Init:
        return Sphere()

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`z` (seeds, dim, ..., dim), the symmetric part of Z."""
        dim, order = resolved(self.dim), resolved(self.order)
        z = normal(dim**order)
        z = z.reshape(len(z), *(dim,) * order)
        axes = [(0, *(1 + a for a in p)) for p in itertools.permutations(range(order))]
        return {"z": sum(z.transpose(a) for a in axes) / math.factorial(order)}

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        order = resolved(self.order)
        noise = self._contracted(x, p["z"], xp) / xp.sqrt(xp.asarray(p["samples"], dtype=x.dtype))[..., None]
        signal = x[..., :1] ** (order - 1)
        slope = xp.concat([noise[..., :1] + signal, noise[..., 1:]], axis=-1)
        return -xp.sum(slope * x, axis=-1), -order * slope

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        return {"overlap": x[..., 0] / xp.sqrt(xp.sum(x * x, axis=-1))}

    def _contracted(self, x: Any, z: Any, xp: Any) -> Any:
        """Z[x, ..., x, .]: every axis but one contracted, (..., dim). One matrix-vector product a run, then what is left of it."""
        dim, order = resolved(self.dim), resolved(self.order)
        lead = z.shape[:-order]
        made = xp.matmul(xp.reshape(z, (*lead, dim ** (order - 1), dim)), x[..., None])[..., 0]
        for k in range(order - 2, 0, -1):
            made = xp.sum(xp.reshape(made, (*made.shape[:-1], dim**k, dim)) * x[..., None, :], axis=-1)
        return made

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"dim": 5, "order": 3, "samples": 50.0}


def _values(value: Any) -> tuple[Any, ...]:
    """A structural field's values, one or those of a sweep."""
    return value.values if isinstance(value, Sweep) else (value,)
