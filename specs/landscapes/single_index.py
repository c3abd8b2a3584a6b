"""Single-index models: find the one direction that a label depends on."""

import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from ..base import Count, Index
from ..init import Init, Sphere
from ..sweep import Structural, Sweep, resolved
from ._two_layer import picked
from .base import Arrays, Landscape

Link = Literal["he1", "he2", "he3", "he4", "tanh", "relu", "absolute", "cosine"]
MAX_ENTRIES = 2**27
TERMS = 24
"""Hermite coefficients taken of a link that is no Hermite polynomial."""


class SingleIndex(Landscape):
    r"""f(x) = -(1/n) sum_i y_i s(x.z_i) with y_i = s(e_0.z_i), z ~ N(0, I), x on the unit sphere: the correlation loss of a single-index model.

    `link` s: he1 ... he4, Hermite polynomials of mean square 1; tanh; relu; absolute; cosine (all four with their mean subtracted and mean square
    1). n is `samples`, which every seed draws anew. With 0 samples f is the population loss -sum_j c_j^2 (x.e_0)^j, with c_j the Hermite
    coefficients of s, and online noise adds the sampling. The information exponent is the smallest j >= 1 with c_j != 0. Observable: overlap =
    x_0 / |x|. Known rates: online SGD needs about d^(k-1) samples for exponent k >= 3 and d log d for k = 2; averaged Langevin dynamics about
    d^{ceil(k/2)}. Source: arXiv:2003.10409 (exponent); arXiv:2603.06028 (averaging).
    """

    kind: Literal["single_index"] = "single_index"
    dim: Structural[Annotated[Count, Field(ge=2)]] = 16
    link: Structural[Link] = "he3"
    samples: Structural[Index] = 0

    source = "arXiv:2003.10409"
    domain = (-1.0, 1.0)

    @model_validator(mode="after")
    def _fits(self):
        most = max(_values(self.dim)) * max(_values(self.samples))
        if most > MAX_ENTRIES:
            raise ValueError(f"the samples of a seed have {most:,} numbers; at most {MAX_ENTRIES:,} are allowed")
        return self

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (resolved(self.dim),)}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("overlap",)

    @property
    def disorder_size(self) -> int:
        return resolved(self.samples) * resolved(self.dim)

    @property
    def sample_size(self) -> int:
        return resolved(self.dim)

    def batch_count(self) -> int:
        return resolved(self.samples)

    def start(self) -> Init:
        return Sphere()

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`z` (seeds, n, dim), the samples."""
        z = normal(self.disorder_size) if self.disorder_size else None
        return {} if z is None else {"z": z.reshape(len(z), resolved(self.samples), resolved(self.dim))}

    def workspace(self, samples: int, runs: int) -> int:
        return 6 * runs * samples

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        link = resolved(self.link)
        if batch is None and not resolved(self.samples):
            return self.population(x, xp)
        z = batch[None, ...] if batch is not None and len(batch.shape) == 3 else picked(p["z"], batch, xp)
        y, _ = response(link, z[..., 0], xp)
        s, slope = response(link, xp.matmul(z, x[..., None])[..., 0], xp)
        gradient = xp.matmul((y * slope)[..., None, :], z)[..., 0, :] / z.shape[-2]
        return -xp.mean(y * s, axis=-1), -gradient

    def population(self, x: Any, xp: Any) -> tuple[Any, Any]:
        """The mean over z, for x on the sphere: -sum_j c_j^2 m^j, m = x_0."""
        m, value, slope = x[..., 0], xp.zeros_like(x[..., 0]), xp.zeros_like(x[..., 0])
        for j, c in enumerate(coefficients(resolved(self.link))):
            if c:
                value = value - c * c * m**j
                slope = slope - j * c * c * m ** max(j - 1, 0)
        return value, xp.concat([slope[..., None], xp.zeros_like(x[..., 1:])], axis=-1)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        return {"overlap": x[..., 0] / xp.sqrt(xp.sum(x * x, axis=-1))}

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"dim": 5, "link": "he3", "samples": 12}


def response(link: str, u: Any, xp: Any) -> tuple[Any, Any]:
    """s(u) and s'(u)."""
    match link:
        case "he1":
            return u, xp.ones_like(u)
        case "he2":
            return (u * u - 1) / 2**0.5, u * 2**0.5
        case "he3":
            return (u * u - 3) * u / 6**0.5, 3 * (u * u - 1) / 6**0.5
        case "he4":
            return ((u * u - 6) * u * u + 3) / 24**0.5, 4 * (u * u - 3) * u / 24**0.5
    plain, slope = {
        "tanh": lambda: (xp.tanh(u), 1 - xp.tanh(u) ** 2),
        "relu": lambda: (xp.where(u > 0, u, xp.zeros_like(u)), xp.where(u > 0, xp.ones_like(u), xp.zeros_like(u))),
        "absolute": lambda: (xp.abs(u), xp.sign(u)),
        "cosine": lambda: (xp.cos(u), -xp.sin(u)),
    }[link]()
    mean, size = moments(link)
    return (plain - mean) / size, slope / size


def moments(link: str) -> tuple[float, float]:
    """Mean and standard deviation of the plain link of a standard normal number: closed forms, tanh's by quadrature."""
    match link:
        case "relu":
            return (2 * np.pi) ** -0.5, (0.5 - 0.5 / np.pi) ** 0.5
        case "absolute":
            return (2 / np.pi) ** 0.5, (1 - 2 / np.pi) ** 0.5
        case "cosine":
            return np.exp(-0.5), ((1 + np.exp(-2)) / 2 - np.exp(-1)) ** 0.5
    return 0.0, 0.627928730346516


@functools.cache
def coefficients(link: str) -> tuple[float, ...]:
    """c_j = E s(u) h_j(u), h_j the Hermite polynomials of mean square 1, up to TERMS; by the midpoint rule."""
    if link.startswith("he"):
        return tuple(float(j == int(link[2:])) for j in range(int(link[2:]) + 1))
    from numpy.polynomial.hermite_e import hermeval
    from scipy.special import gammaln

    u = (np.arange(400_000) + 0.5) / 400_000 * 24 - 12  # symmetric about the kink, so that no cell has it inside
    weight = np.exp(-u * u / 2) / np.sqrt(2 * np.pi) * (u[1] - u[0])
    s = response(link, u, np)[0] * weight
    made = [float(np.sum(s * hermeval(u, np.eye(TERMS + 1)[j])) * np.exp(-gammaln(j + 1) / 2)) for j in range(TERMS + 1)]
    return tuple(c if abs(c) > 1e-9 else 0.0 for c in made)


def _values(value: Any) -> tuple[Any, ...]:
    """A structural field's values, one or those of a sweep."""
    return value.values if isinstance(value, Sweep) else (value,)
