"""Eigenvalues of the Hessian and its kin at stored points: all of them, or Lanczos' nodes and weights."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...specs.base import Count, Index
from ..executors import philox
from . import _lanczos, _operators
from ._view import no_test_part
from .base import Array, Probe, Scene, View

EXACT = 200
"""Components up to which all eigenvalues are computed where the study does not say how."""
MOST = 2000
"""Components up to which they can be."""
FACTOR = 5 * 10**7
"""Numbers that a matrix of derivatives of all samples may have."""
OF_JACOBIAN = ("gauss_newton", "ntk")
OF_FACTOR = (*OF_JACOBIAN, "gradient_covariance")


class Spectrum(Probe):
    """Spectrum of the Hessian, the Gauss-Newton matrix, the gradients' covariance or the tangent kernel at stored points.

    `exact` computes all eigenvalues (up to 2,000 components). `lanczos` computes the `nodes` and weights of stochastic Lanczos quadrature from
    `vectors` random vectors of signs: the spectral density is the mean over the vectors of sum w_k delta(lambda - node_k), and with m nodes the first
    2m moments of each vector's measure are exact. The probe also stores the largest and the smallest eigenvalues (for Lanczos, the best bounds of all
    vectors), the trace (for Lanczos, Hutchinson's mean of z^T A z with its standard error), and how many eigenvalues stand apart: those above the
    largest ratio of two positive neighbours in the larger half (for Lanczos, among the first vector's nodes).
    Sources: Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159; Hutchinson 1990, doi:10.1080/03610919008812866.
    """

    kind: Literal["spectrum"] = "spectrum"
    of: Literal["hessian", "gauss_newton", "batch_hessian", "gradient_covariance", "ntk"] = Field(
        default="hessian", description="the matrix; batch_hessian is the Hessian with `on: batch`"
    )
    method: Literal["exact", "lanczos"] | None = Field(default=None, description="default: exact up to 200 components, else lanczos")
    nodes: Count = Field(default=30, description="steps of Lanczos' method")
    vectors: Count = Field(default=4, description="number of random start vectors")
    top: Index = Field(default=1, description="number of largest eigenvalues to store")
    bottom: Index = Field(default=1, description="number of smallest eigenvalues to store")
    on: Literal["train", "test", "batch"] = Field(default="train", description="the samples for the Hessian")
    batch_size: Count | None = Field(default=None, description="samples per batch, the same ones for all points of a seed")

    text: ClassVar[str] = "eigenvalues"

    # what it stores

    def arrays(self, scene: Scene) -> dict[str, Array]:
        size, what = self._size(scene), self.of.replace("_", " ")
        made: dict[str, Array] = {}
        if self._exact(scene):
            made["eigenvalues"] = Array({"eigenvalue": size}, f"eigenvalues of the {what}, increasing")
        else:
            own = {"vector": self.vectors, "node": min(self.nodes, size)}
            made["nodes"] = Array(own, f"Lanczos nodes of the {what}, increasing")
            made["weights"] = Array(own, "weights of the nodes, seen from the random vector")
        if self.top:
            made["top"] = Array({"top_rank": min(self.top, size)}, f"largest eigenvalues of the {what}")
        if self.bottom:
            made["bottom"] = Array({"bottom_rank": min(self.bottom, size)}, f"smallest eigenvalues of the {what}")
        made["trace"] = Array(text=f"trace of the {what}")
        if not self._exact(scene):
            made["trace_error"] = Array(text="standard error of the trace")
        made["outliers"] = Array(text="eigenvalues above the largest ratio of neighbours")
        return made

    def _size(self, scene: Scene) -> int:
        """Rows of the matrix; the most of a structural sweep."""
        if self.of != "ntk":
            return scene.dim
        return max(_operators.residual_count(land) for land in scene.landscapes)

    def _exact(self, scene: Scene) -> bool:
        return self.method == "exact" or (self.method is None and self._size(scene) <= EXACT)

    @property
    def _part(self) -> str:
        return "batch" if self.of == "batch_hessian" else self.on

    def unfit(self, scene: Scene) -> str | None:
        kind = scene.study.landscape.kind
        if self.of in OF_FACTOR and self.on != "train":
            return f"on: {self.on} is for Hessians; leave it out for {self.of}"
        if self.of == "batch_hessian" and self.on == "test":
            return "on: test has no batches; take of: hessian, or leave out `on`"
        if (self._part == "batch") != (self.batch_size is not None):
            return "batch_size: is needed for a batch" if self._part == "batch" else "batch_size: is for a batch; leave it out"
        for land in scene.landscapes:
            if self.of in OF_JACOBIAN and not land.has_jacobian:
                return f"of: {self.of} needs a loss that is a sum of squared residuals, and that of {kind} is not"
            if self.of == "gauss_newton" and not _operators.knows_residuals(land):
                return f"of: gauss_newton needs a landscape that knows its residuals, and {kind} does not"
            if self.of == "gradient_covariance" and not _operators.loss_is_mean(land):
                return f"of: gradient_covariance needs a loss that is a mean over samples of data, and that of {kind} is not"
            if self._part == "batch" and not land.batch_count():
                return f"on: batch needs a landscape made of data, and {kind} is not"
            if self._part == "test" and (why := no_test_part(land)):
                return f"on: test: {why}"
            rows = (
                land.batch_count() if self.of == "gradient_covariance" else _operators.residual_count(land) if self.of in OF_JACOBIAN else 0
            )
            if rows * land.size > FACTOR:
                return f"of: {self.of} takes {rows:,} x {land.size:,} derivatives; at most {FACTOR:,} are allowed"
        if self._exact(scene) and (size := self._size(scene)) > MOST:
            return f"method: exact takes at most {MOST:,} components, and there are {size:,}; take method: lanczos"
        return None

    # what it takes

    def evaluations(self, scene: Scene) -> int:
        if self.of in OF_FACTOR:
            return max(1, self._rows(scene))
        return 2 * (scene.dim if self._exact(scene) else self.vectors * self.nodes)

    def numbers(self, scene: Scene) -> int:
        size = self._size(scene)
        factor = 2 * self._rows(scene) * scene.dim
        return factor + (3 * size * size if self._exact(scene) else self.vectors * size * (self.nodes + 4))

    def _rows(self, scene: Scene) -> int:
        if self.of == "gradient_covariance":
            return max(land.batch_count() for land in scene.landscapes)
        return max(_operators.residual_count(land) for land in scene.landscapes) if self.of in OF_JACOBIAN else 0

    # the look

    def look(self, view: View) -> dict[str, Any]:
        made = {"gauss_newton": _operators.gauss_newton, "ntk": _operators.ntk, "gradient_covariance": _operators.gradient_covariance}
        matrix = made.get(self.of, _operators.hessian)(view.on(self._part, self.batch_size or 0))
        if self._exact(view.scene):
            values = matrix.eigenvalues()
            found = {"eigenvalues": values, "trace": values.sum(axis=-1), "outliers": _lanczos.outliers(values)}
            return found | {"top": np.flip(values, axis=-1)[..., : self.top], "bottom": values[..., : self.bottom]}
        found = _lanczos.lanczos(matrix.product, signs(view, self.vectors, matrix.size) / matrix.size**0.5, self.nodes)
        traces = matrix.size * found.first
        error = traces.std(axis=-1, ddof=1) / self.vectors**0.5 if self.vectors > 1 else np.full(traces.shape[:-1], np.nan)
        return {
            "nodes": found.nodes,
            "weights": found.weights,
            "top": np.fmax.reduce(_lanczos.highest(found, self.top), axis=-2),
            "bottom": np.fmin.reduce(_lanczos.lowest(found, self.bottom), axis=-2),
            "trace": traces.mean(axis=-1),
            "trace_error": error,
            "outliers": _lanczos.outliers(found.nodes[..., 0, :]),
        }


def signs(view: View, vectors: int, size: int) -> Any:
    """Rademacher vectors (rows, seeds, vectors, size), of every seed and step their own, the same for all points of a sweep: Philox, stream PROBE."""
    steps, back = np.unique(view.t, return_inverse=True)
    root = view.group.study.root_seed
    drawn = [philox.uniform(root, philox.PROBE, view.seeds, [int(t)], vectors * size, np.float64)[0] for t in steps]
    made = np.where(np.stack(drawn) < 0.5, -1.0, 1.0).reshape(len(steps), len(view.seeds), vectors, size)
    return made[back]
