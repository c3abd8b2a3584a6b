"""A river valley of matrices whose river is a direction of rank one."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ..base import Count, Positive, Real
from ..init import Init, Point
from ..sweep import Structural, Swept, resolved
from .base import Arrays, Landscape


class RiverValleyMatrix(Landscape):
    r"""f(W) = 1/2 sum_ij k_ij (W_ij - a sin(b W_00) [i = j])^2 - s W_00 over all entries but W_00: hills in every direction but one.

    The river is the rank-one direction e_0 e_0^T; with `amplitude` a > 0 it bends along the diagonal. k_ij = sharpness c^-((i/(rows - 1) +
    j/(cols - 1)) / 2), c `condition`, so that hills differ along both rows and columns. s is `slope`, b `frequency`. Unbounded below.
    Observables: river = W_00 and hill = f + s W_00. For a = 0, SGD with learning rate h and gradient noise c (derived): mean hill loss
    sum_ij h c^2 / (2 (2 - h k_ij)); an orthogonalised step (Muon) moves equally far in all directions of the matrix, river and hills.
    Source: after arXiv:2410.05192, in matrix form (derived).
    """

    kind: Literal["river_valley_matrix"] = "river_valley_matrix"
    rows: Structural[Annotated[Count, Field(ge=2)]] = 8
    cols: Structural[Annotated[Count, Field(ge=2)]] = 8
    sharpness: Swept[Positive] = 10.0
    condition: Swept[Annotated[Real, Field(ge=1)]] = 10.0
    slope: Swept[Real] = 0.1
    amplitude: Swept[Real] = 0.0
    frequency: Swept[Real] = 1.0

    source = "arXiv:2410.05192"
    domain = (-1.0, 1.0)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (resolved(self.rows), resolved(self.cols))}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("river", "hill")

    def start(self) -> Init:
        return Point(at=0.0)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        river, hill, force = self._parts(x, p, xp)
        slope, amplitude, frequency = (xp.asarray(p[name], dtype=x.dtype) for name in ("slope", "amplitude", "frequency"))
        rows, cols = self.blocks["params"]
        bent = amplitude * frequency * xp.cos(frequency * river) * xp.sum(force * xp.eye(rows, cols, dtype=x.dtype), axis=(-2, -1))
        flat = xp.reshape(force, x.shape)
        return hill - slope * river, xp.concat([(-slope - bent)[..., None] + flat[..., :1], flat[..., 1:]], axis=-1)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        river, hill, _ = self._parts(x, p, xp)
        return {"river": river + 0 * hill, "hill": hill}

    def _parts(self, x: Any, p: Arrays, xp: Any) -> tuple[Any, Any, Any]:
        """W_00, the hill loss, and k (W - its place in the valley)."""
        rows, cols = self.blocks["params"]
        sharpness, condition, amplitude, frequency = (
            xp.asarray(p[name], dtype=x.dtype) for name in ("sharpness", "condition", "amplitude", "frequency")
        )
        steep = xp.arange(rows, dtype=x.dtype)[:, None] / (rows - 1) + xp.arange(cols, dtype=x.dtype)[None, :] / (cols - 1)
        k = sharpness[..., None, None] * xp.exp(-xp.log(condition)[..., None, None] * steep / 2)
        k = k * xp.where(steep > 0, xp.ones_like(steep), xp.zeros_like(steep))
        river = x[..., 0]
        place = (amplitude * xp.sin(frequency * river))[..., None, None] * xp.eye(rows, cols, dtype=x.dtype)
        away = xp.reshape(x, (*x.shape[:-1], rows, cols)) - place
        return river, 0.5 * xp.sum(k * away * away, axis=(-2, -1)), k * away

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"rows": 3, "cols": 4, "amplitude": 0.5}
