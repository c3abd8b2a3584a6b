"""A quadratic bowl with a chosen spectrum, along the axes or rotated."""

from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from ..base import Count, Index, NonNegative, Positive, Real
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import Landscape, Minimum


class Quadratic(Landscape):
    r"""A bowl f(x) = scale/2 (x - c)^T Q diag(lambda) Q^T (x - c) with a known spectrum lambda.

    lambda is `spectrum`, or `dim` values from 1 down to 1 / `condition`, spaced evenly (`spacing: linear`) or with a constant ratio (`log`).
    Q is the identity, or with `rotation_seed` a random orthogonal matrix (Haar, from that seed). Minimum 0 at c = `center`.
    Gradient descent with rate h multiplies the component along eigenvector j by 1 - h scale lambda_j (a closed form to test against).
    Source: standard; Haar matrices by QR with positive diagonal, Mezzadri 2007, arXiv:math-ph/0609050.
    """

    kind: Literal["quadratic"] = "quadratic"
    dim: Structural[Count] = 2
    condition: Structural[Positive] = 10.0
    spacing: Structural[Literal["log", "linear"]] = "log"
    spectrum: tuple[NonNegative, ...] | None = None
    rotation_seed: Structural[Index] | None = None
    scale: Swept[Positive] = 1.0
    center: Swept[Real] = 0.0

    source = "standard"

    @model_validator(mode="after")
    def _consistent(self):
        if self.spectrum is not None:
            if not self.spectrum:
                raise ValueError("spectrum: give at least one eigenvalue")
            if "dim" in self.model_fields_set and self.dim != len(self.spectrum):
                raise ValueError(f"spectrum: {len(self.spectrum)} eigenvalues given, dim is {self.dim}; leave dim out")
        return self

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """lambda, (dim,)."""
        if self.spectrum is not None:
            return np.asarray(self.spectrum, dtype=np.float64)
        space = np.geomspace if self.spacing == "log" else np.linspace
        return space(1.0, 1.0 / float(self.condition), int(self.blocks["params"][0]))  # type: ignore[arg-type]

    @cached_property
    def rotation(self) -> np.ndarray | None:
        """Q, (dim, dim); its columns are the eigenvectors. None for the identity."""
        if self.rotation_seed is None:
            return None
        n = len(self.eigenvalues)
        q, r = np.linalg.qr(np.random.default_rng(self.rotation_seed).standard_normal((n, n)))  # type: ignore[arg-type]
        return q * np.sign(np.diag(r))

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        if self.spectrum is not None:
            return {"params": (len(self.spectrum),)}
        dim: Any = self.dim
        return {"params": (dim if isinstance(dim, int) else dim.values[0],)}

    def start(self) -> Init:
        return Point(at=1.0)

    def minima(self, values):
        return [Minimum((values["center"],) * len(self.eigenvalues), 0.0)]

    def value(self, x, p, xp):
        z = self.turn(x - p["center"][..., None], False, xp)
        return p["scale"] / 2 * xp.sum(self.constant(self.eigenvalues, x, xp) * z * z, axis=-1)

    def value_and_grad(self, x, p, xp, batch=None):
        z = self.turn(x - p["center"][..., None], False, xp)
        w = self.constant(self.eigenvalues, x, xp) * z
        return p["scale"] / 2 * xp.sum(w * z, axis=-1), p["scale"][..., None] * self.turn(w, True, xp)

    def turn(self, x: Any, back: bool, xp: Any) -> Any:
        """Q^T x, or Q x with `back`: summed column by column, so that a run's bits do not depend on its neighbours."""
        if self.rotation is None:
            return x
        q = self.constant(self.rotation.T if back else self.rotation, x, xp)
        made = x[..., 0:1] * q[0, :]
        for k in range(1, q.shape[0]):
            made = made + x[..., k : k + 1] * q[k, :]
        return made

    def constant(self, values: np.ndarray, like: Any, xp: Any) -> Any:
        return xp.asarray(values, dtype=like.dtype)
