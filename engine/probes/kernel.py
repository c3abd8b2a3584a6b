"""The tangent kernel, or the Gram matrix of features, at stored points, and how far it has moved."""

from typing import Any, Literal

import numpy as np
from pydantic import Field

from ...specs.base import Index
from ...specs.landscapes._tensor_landscape import ProgramLandscape
from . import _features, _operators
from ._operators import eigenvalues_of
from ._view import no_test_part
from .base import Array, Probe, Scene, View

MOST = 2000
"""Rows of a kernel."""
LABELS = "y"


class Kernel(Probe):
    """Tangent kernel K = J J^T of named outputs, or Gram matrix K = F F^T of named features: its spectrum, alignment with labels, change.

    `features` names a part of the formula with a row for every sample, such as `net(X)`; without it the tangent kernel is that of the landscape's
    residuals, with their scale. For several outputs, `outputs: mean` is the mean over the outputs, K_ij = (1/k) sum_c <grad f_c(x_i), grad f_c(x_j)>,
    n x n; `full` has a row for every sample and output, nk x nk. The probe stores `eigenvalues`; `condition`, the largest eigenvalue over the
    smallest, infinite where the smallest is below size * 2.2e-16 of the largest; `alignment`, the centred cosine <HKH, HYY^TH> / (|HKH| |HYY^TH|)
    with H = I - 11^T/n and the labels Y, one column per class, for the mean over outputs; and, relative to the first stored step (of forks, the step
    at which they begin) or the step `since`, `change` = |K - K_0| / |K_0| and `distance` = 1 - <K, K_0> / (|K| |K_0|). All norms are Frobenius norms.
    Sources: Cortes, Mohri & Rostamizadeh 2012, jmlr.org/papers/v13/cortes12a.html; Kornblith et al. 2019, arXiv:1905.00414; Fort et al. 2020,
    arXiv:2010.15110.
    """

    kind: Literal["kernel"] = "kernel"
    of: Literal["ntk", "features"] = Field(default="ntk", description="the tangent kernel of the outputs, or the Gram matrix of features")
    features: str | None = Field(
        default=None, description="the outputs or features: a definition, `net(X)`, or another part of the formula"
    )
    outputs: Literal["mean", "full"] = Field(default="mean", description="for several outputs: the mean kernel, or that of all pairs")
    labels: str | None = Field(default=None, description="the labels for the alignment, a part of the formula; default: y, if there is one")
    since: Index | Literal["first"] = Field(
        default="first", description="the stored step that changes count from; first is every run's own"
    )
    on: Literal["train", "test"] = Field(default="train", description="the samples")
    matrix: bool = Field(default=False, description="also store the kernel")

    # what it stores

    def arrays(self, scene: Scene) -> dict[str, Array]:
        size = max(self._size(land) for land in scene.landscapes)
        made = {
            "eigenvalues": Array({"eigenvalue": size}, "eigenvalues of the kernel, increasing"),
            "condition": Array(text="largest over smallest eigenvalue"),
            "change": Array(text="relative change of the kernel (Frobenius norm)"),
            "distance": Array(text="cosine distance of the kernel from the one it began as"),
        }
        if self._labels(scene):
            made["alignment"] = Array(text="centred alignment of kernel and labels")
        if self.matrix:
            made["kernel"] = Array({"row": size, "column": size}, "the kernel")
        return made

    def _shape(self, land: Any) -> tuple[int, int]:
        """(samples, outputs) of a landscape that has them."""
        if self.features is None:
            return _operators.residual_count(land), 1
        samples, *own = _features.shape(land, self.features, self.on)
        return samples, int(np.prod(own, dtype=int))

    def _size(self, land: Any) -> int:
        samples, outputs = self._shape(land)
        return samples * (outputs if self.outputs == "full" and self.of == "ntk" else 1)

    def _labels(self, scene: Scene) -> str:
        """The labels' text; empty where there are none."""
        found = self.labels or LABELS
        rows = [self._shape(land)[0] for land in scene.landscapes]
        known = all(isinstance(land, ProgramLandscape) and _features.has_labels(land, found) for land in scene.landscapes)
        fit = known and all(_features.shape(land, found, self.on)[0] == n for land, n in zip(scene.landscapes, rows, strict=True))
        return found if fit else ""

    def first(self, scene: Scene) -> int:
        """The step that changes count from."""
        return scene.steps[0] if self.since == "first" else self.since

    def unfit(self, scene: Scene) -> str | None:
        kind = scene.study.landscape.kind
        if self.of == "features" and self.features is None:
            return "features: is needed with of: features; name a part of the formula, as in features: hidden(X)"
        if self.of == "features" and self.outputs != "mean":
            return "outputs: full is for tangent kernels; leave it out for features"
        for land in scene.landscapes:
            if self.features is None and not land.has_jacobian:
                return (
                    f"needs the outputs' name in `features`, as in features: net(X): the loss of {kind} is not a sum of squared residuals"
                )
            if self.features is not None and (why := _features.why_not(land, self.features, self.on)):
                return why
            if self.on == "test" and (why := no_test_part(land)):
                return f"on: test: {why}"
            if self.labels is not None and (why := _features.why_not(land, self.labels, self.on, "labels")):
                return why
            rows, entries = self._size(land), self._shape(land)[0] * self._shape(land)[1] * land.size
            if rows > MOST:
                return f"the kernel has {rows:,} rows; at most {MOST:,} are allowed: take fewer samples (data.limit)"
            if self.of == "ntk" and entries > _features.FACTOR:
                return f"the tangent kernel takes {entries:,} derivatives; at most {_features.FACTOR:,} are allowed"
        if self.labels is not None and not self._labels(scene):
            return f"labels: {self.labels:.60} does not have one row for every sample of the features"
        if self.first(scene) not in scene.steps:
            near = ", ".join(map(str, scene.steps[:8])) + ", ..." * (len(scene.steps) > 8)
            return f"since: {scene.optimizer.name} has no stored parameters of step {self.since} (stored: {near})"
        return None

    def evaluations(self, scene: Scene) -> int:
        return 2 * max(self._shape(land)[1] if self.of == "ntk" and self.features else self._shape(land)[0] for land in scene.landscapes)

    def numbers(self, scene: Scene) -> int:
        of_one = []
        for land in scene.landscapes:
            samples, outputs = self._shape(land)
            of_one.append(samples * outputs * (2 * land.size if self.of == "ntk" else 2) + 6 * self._size(land) ** 2)
        return max(of_one)

    # the look

    def look(self, view: View) -> dict[str, Any]:
        whole, mean = self.kernels(view)
        values = eigenvalues_of(whole)
        low, high = values[..., 0], values[..., -1]
        regular = low > values.shape[-1] * np.finfo(np.float64).eps * np.abs(high)
        made = {"eigenvalues": values, "kernel": whole, "condition": np.where(regular, high / np.where(regular, low, 1.0), np.inf)}
        made["condition"] = np.where(np.isfinite(high), made["condition"], np.nan)
        began = self._began(view, whole)
        size = norm(began)
        made["change"] = norm(whole - began) / size
        made["distance"] = 1 - (whole * began).sum(axis=(-2, -1)) / (norm(whole) * size)
        if labels := self._labels(view.scene):
            made["alignment"] = alignment(mean, gram(_features.labels(view.on(self.on), labels)))
        return made

    def _began(self, view: View, whole: Any) -> Any:
        """The kernel that changes count from, for every row that of its point; `whole` are those of the view."""
        scene = view.scene
        if (view.t == self.first(scene)).all() and view.valid.all():
            return whole
        began = np.full((len(view.t) // view.shape[-1], *whole.shape[1:]), np.nan)
        missing = np.ones(began.shape[:2], bool)
        for t in scene.steps if self.since == "first" else (self.since,):
            before = view.look(steps=[t])
            if (new := before.valid & missing).any():
                began = np.where(new[..., None, None], self.kernels(before)[0], began)
                missing &= ~new
            if not missing.any():
                break
        return np.repeat(began, view.shape[-1], axis=0)

    def kernels(self, view: View) -> tuple[Any, Any]:
        """The kernel, and its mean over outputs, which has a row for every sample: (rows, seeds, ..., ...) each."""
        seen = view.on(self.on)
        if self.of == "features":
            assert self.features is not None
            made = gram(_features.matrix(seen, self.features))
            return made, made
        slopes = seen.jacobian()[..., None, :] if self.features is None else _features.jacobian(seen, self.features)
        samples, outputs, dim = slopes.shape[2:]
        mean = gram(slopes.reshape(*slopes.shape[:2], samples, outputs * dim)) / outputs
        if self.outputs == "mean":
            return mean, mean
        return gram(slopes.reshape(*slopes.shape[:2], samples * outputs, dim)), mean


def gram(f: Any) -> Any:
    """F F^T of F (..., samples, features)."""
    return np.matmul(f, np.swapaxes(f, -1, -2))


def norm(k: Any) -> Any:
    """Frobenius' norm (...)."""
    return np.sqrt((k * k).sum(axis=(-2, -1)))


def centred(k: Any) -> Any:
    """H K H with H = I - 11^T/n."""
    return k - k.mean(axis=-1, keepdims=True) - k.mean(axis=-2, keepdims=True) + k.mean(axis=(-2, -1), keepdims=True)


def alignment(k: Any, other: Any) -> Any:
    """The cosine of two kernels (..., n, n) after centring (...); NaN where one of them is constant."""
    a, b = centred(k), centred(other)
    sizes = norm(a) * norm(b)
    return (a * b).sum(axis=(-2, -1)) / np.where(sizes > 0, sizes, np.nan)
