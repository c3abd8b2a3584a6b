"""Measures of features at stored points: their rank, the decay of their spectrum, neural collapse, a linear probe."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from ...specs.base import Count, NonNegative
from ...specs.landscapes._tensor_landscape import ProgramLandscape
from . import _features
from ._view import no_test_part
from .base import Array, Probe, Scene, View

Measure = Literal["effective_rank", "power_law", "collapse", "linear_probe"]
MEASURES = ("effective_rank", "power_law", "collapse", "linear_probe")
SMALL = 1e-10
"""Of the largest singular value: below it class means span nothing more."""
MOST = 2000
"""Singular values of features."""


class Features(Probe):
    """Measures of named features F (a row per sample, a column per feature): rank, spectral decay, neural collapse, linear probe.

    - `effective_rank`: `rankme` = exp(-sum p log p) with p_k = s_k / sum s, s the singular values of F (Garrido et al. 2023, arXiv:2210.02885,
      without its 1e-7), and `effective_rank`, the same for the eigenvalues of the covariance of F (Roy & Vetterli 2007).
    - `power_law`: the exponent alpha if the eigenvalues of the covariance fall as k^-alpha, by least squares of log eigenvalue on log k over the
      ranks `fit`, and `power_law_r2`, how well that fits (Stringer et al. 2019, doi:10.1038/s41586-019-1346-5).
    - `collapse`, with C classes, their means m_c, the mean m over all samples, and M made of the m_c - m: `nc1` = tr(S_W S_B^+)/C with the
      covariances within classes, S_W, and between them, S_B = M^T M/C; `nc2_norm`, the standard deviation of |m_c - m| over their mean;
      `nc2_angle`, the standard deviation of the cosines between two m_c - m, and `nc2_simplex`, the mean of |cosine + 1/(C - 1)|; with the last
      layer's weights W in `head`, `nc3` = |W^T/|W| - M/|M||, in Frobenius norm. All are 0 at a simplex (Papyan, Han & Donoho 2020,
      doi:10.1073/pnas.2015509117).
    - `linear_probe`: ridge regression of the labels, fitted on the training samples, min |Y - F B - 1 b^T|^2 + ridge |B|^2, and judged on the
      test part: the fraction of samples whose largest output is their class, or R^2 if the labels are numbers; `linear_probe_train` is the same
      for the training samples.
    """

    kind: Literal["features"] = "features"
    features: str = Field(
        description="the features: a definition such as `hidden(X)`, or another part of the formula with a row for every sample"
    )
    measure: tuple[Measure, ...] = Field(default=("effective_rank",), description="what is measured: " + ", ".join(MEASURES), min_length=1)
    labels: str = Field(default="y", description="the labels, a part of the formula, for collapse and linear_probe")
    head: str | None = Field(default=None, description="the weights of the last layer, (features, classes) or transposed, for nc3")
    fit: tuple[Count, Count] | None = Field(default=None, description="first and last rank of the power law, counted from 1; default: all")
    ridge: NonNegative = Field(default=1.0, description="the penalty of the linear probe")
    on: Literal["train", "test"] = Field(default="train", description="the samples, except for linear_probe")

    @field_validator("measure", mode="before")
    @classmethod
    def _one(cls, measure: Any) -> Any:
        return (measure,) if isinstance(measure, str) else measure

    # what it stores

    def arrays(self, scene: Scene) -> dict[str, Array]:
        text = self.features
        made: dict[str, Array] = {}
        if "effective_rank" in self.measure:
            made["rankme"] = Array(text=f"effective rank of {text}, of singular values")
            made["effective_rank"] = Array(text=f"effective rank of {text}, of the covariance's eigenvalues")
        if "power_law" in self.measure:
            made["power_law"] = Array(text=f"exponent of the power law of eigenvalues of {text}")
            made["power_law_r2"] = Array(text="share of the variance that the power law explains")
        if "collapse" in self.measure:
            made["nc1"] = Array(text="spread within classes over that between them")
            made["nc2_norm"] = Array(text="relative spread of the lengths of class means")
            made["nc2_angle"] = Array(text="spread of the cosines between class means")
            made["nc2_simplex"] = Array(text="distance of the cosines from those of a simplex")
            if self.head is not None:
                made["nc3"] = Array(text="distance of the last layer from the class means")
        if "linear_probe" in self.measure:
            what = "accuracy" if all(_classes(land, self.labels) for land in scene.landscapes) else "R^2"
            made["linear_probe"] = Array(text=f"{what} of a linear probe on the test part")
            made["linear_probe_train"] = Array(text=f"{what} of a linear probe on the training samples")
        return made

    def unfit(self, scene: Scene) -> str | None:
        for land in scene.landscapes:
            if why := _features.why_not(land, self.features, self.on):
                return why
            samples, count = self._shape(land)
            if samples < 2:
                return f"features: {self.features:.60} has one row; measures need at least two samples"
            if samples * count > _features.FACTOR or min(samples, count) > MOST:
                most = f"at most {MOST:,} of whichever are fewer and {_features.FACTOR:,} numbers in total are allowed"
                return f"features: {samples:,} samples of {count:,} features; {most}"
            if why := self._no_fit(samples, count) or self._no_collapse(land, count) or self._no_probe(land):
                return why
        return None

    def _no_fit(self, samples: int, count: int) -> str | None:
        ranks = min(samples - 1, count)
        if "power_law" not in self.measure:
            return "fit: is for power_law; leave it out" if self.fit else None
        if self.fit and not self.fit[0] < self.fit[1] <= ranks:
            return f"fit: takes two ranks, the first below the second and that at most {ranks} here, given {list(self.fit)}"
        return f"measure: power_law needs two eigenvalues, and there is {ranks}" if ranks < 2 else None

    def _no_collapse(self, land: Any, count: int) -> str | None:
        if "collapse" not in self.measure:
            return "head: is for collapse; leave it out" if self.head else None
        if why := self._no_labels(land, self.on):
            return f"measure: collapse: {why}"
        if not _classes(land, self.labels):
            return f"measure: collapse needs labels that are classes, and {self.labels:.60} holds other numbers"
        if self.head is None:
            return None
        if why := _features.why_not(land, self.head, field="head"):
            return why
        shape, classes = _features.shape(land, self.head), _class_count(land, self.labels)
        if len(shape) != 2 or count not in shape or (classes and sorted(shape) != sorted((count, classes))):
            wanted = f"({count}, {classes or 'classes'})"
            return f"head: {self.head:.60} has the shape {shape}; the last layer's weights have {wanted}, or that transposed"
        return None

    def _no_probe(self, land: Any) -> str | None:
        if "linear_probe" not in self.measure:
            return None
        if why := no_test_part(land) or _features.why_not(land, self.features, "test"):
            return f"measure: linear_probe: {why}"
        if why := self._no_labels(land, "train"):
            return f"measure: linear_probe: {why}"
        return None

    def _no_labels(self, land: Any, part: Any) -> str | None:
        if why := _features.why_not(land, self.labels, part, "labels"):
            return why
        rows = _features.shape(land, self.labels, part)[0]
        samples = _features.shape(land, self.features, part)[0]
        return f"labels: {self.labels:.60} has {rows} rows, and the features {samples}" if rows != samples else None

    def _shape(self, land: Any) -> tuple[int, int]:
        samples, *own = _features.shape(land, self.features, self.on)
        return samples, int(np.prod(own, dtype=int))

    def evaluations(self, scene: Scene) -> int:
        return 4

    def numbers(self, scene: Scene) -> int:
        sizes = [self._shape(land) for land in scene.landscapes]
        return max(6 * samples * count + 3 * min(samples, count) ** 2 for samples, count in sizes)

    # the look

    def look(self, view: View) -> dict[str, Any]:
        seen = view.on(self.on)
        f, lost = whole(_features.matrix(seen, self.features))
        ways: dict[str, Callable[[], dict[str, Any]]] = {
            "effective_rank": lambda: ranks(f),
            "power_law": lambda: power_law(f, self.fit),
            "collapse": lambda: self._collapse(seen, f),
            "linear_probe": lambda: self._probe(view),
        }
        made: dict[str, Any] = {}
        for measure in dict.fromkeys(self.measure):
            made |= ways[measure]()
        return {name: np.where(lost, np.nan, value) for name, value in made.items()}

    def _collapse(self, view: View, f: Any) -> dict[str, Any]:
        targets = _features.labels(view, self.labels)
        head = None if self.head is None else _features.values(view, self.head)
        if head is not None and head.shape[-2] != f.shape[-1]:
            head = np.swapaxes(head, -1, -2)
        return collapse(f, targets, head)

    def _probe(self, view: View) -> dict[str, Any]:
        both = (view, view.on("test"))
        parts = [(whole(_features.matrix(seen, self.features))[0], _features.labels(seen, self.labels)) for seen in both]
        score = accuracy if _classes(view.landscape, self.labels) else explained
        (f, targets), _ = parts
        weights, bias = ridge(f, targets, self.ridge)
        train, test = (score(np.matmul(g, weights) + bias, wanted) for g, wanted in parts)
        return {"linear_probe": test, "linear_probe_train": train}


def _classes(land: Any, labels: str) -> bool:
    return isinstance(land, ProgramLandscape) and _features.has_labels(land, labels) and _features.are_classes(land, labels)


def _class_count(land: Any, labels: str) -> int:
    """How many classes the data have; 0 of other labels."""
    return len(land.dataset.classes) if land.dataset is not None and labels == "y" else 0


def whole(f: Any) -> tuple[Any, Any]:
    """Features (..., samples, features), 0 where some are not finite, and where that is so (...): LAPACK takes finite numbers alone."""
    lost = ~np.isfinite(f).all(axis=(-2, -1))
    return np.where(lost[..., None, None], 0.0, f), lost


def entropic(values: Any) -> Any:
    """exp(-sum p log p) with p = values / sum of values (..., n), which are not negative: n where all are equal, 1 where one is not 0."""
    total = values.sum(axis=-1, keepdims=True)
    p = values / np.where(total > 0, total, np.nan)
    return np.exp(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1))


def spread_of(f: Any) -> Any:
    """The eigenvalues (..., min(samples, features)) of the covariance (1/n) sum of (f_i - f)(f_i - f)^T, decreasing."""
    return np.linalg.svd(f - f.mean(axis=-2, keepdims=True), compute_uv=False) ** 2 / f.shape[-2]


def ranks(f: Any) -> dict[str, Any]:
    """Effective ranks of features (..., samples, features)."""
    return {"rankme": entropic(np.linalg.svd(f, compute_uv=False)), "effective_rank": entropic(spread_of(f))}


def power_law(f: Any, fit: tuple[int, int] | None) -> dict[str, Any]:
    """The exponent over these ranks, and the share of the variance of the logarithms that it explains. Eigenvalues that are rounding are left out."""
    values = spread_of(f)[..., : min(f.shape[-2] - 1, f.shape[-1])]
    first, last = fit or (1, values.shape[-1])
    rank = np.arange(1, values.shape[-1] + 1)
    counts = (rank >= first) & (rank <= last) & (values > f.shape[-2] * np.finfo(np.float64).eps * values[..., :1])
    x, y = np.broadcast_to(np.log(rank), values.shape), np.log(np.where(counts, values, 1.0))
    many = counts.sum(axis=-1, keepdims=True)
    dx, dy = (np.where(counts, a - np.where(counts, a, 0.0).sum(axis=-1, keepdims=True) / np.maximum(many, 1), 0.0) for a in (x, y))
    enough = many[..., 0] > 1
    slope = (dx * dy).sum(axis=-1) / np.where(enough, (dx * dx).sum(axis=-1), np.nan)
    total = (dy * dy).sum(axis=-1)
    return {"power_law": -slope, "power_law_r2": slope**2 * (dx * dx).sum(axis=-1) / np.where(total > 0, total, np.nan)}


def collapse(f: Any, targets: Any, head: Any = None) -> dict[str, Any]:
    """Measures of neural collapse of features (..., samples, features) whose classes are columns of targets (..., samples, classes); of a class without
    samples nothing counts. `head` is (..., features, classes)."""
    there = targets.reshape(-1, targets.shape[-1]).any(axis=0)
    targets = targets[..., there]
    turned = np.swapaxes(targets, -1, -2)
    means = np.matmul(turned, f) / turned.sum(axis=-1, keepdims=True)
    m = means - f.mean(axis=-2, keepdims=True)
    rest = f - np.matmul(targets, means)
    _, sizes, vectors = np.linalg.svd(m, full_matrices=False)
    within = (np.matmul(rest, np.swapaxes(vectors, -1, -2)) ** 2).mean(axis=-2)
    spans = sizes > SMALL * sizes[..., :1]
    lengths = np.sqrt((m * m).sum(axis=-1))
    units = m / np.where(lengths > 0, lengths, np.nan)[..., None]
    first, second = np.triu_indices(m.shape[-2], 1)
    cosines = np.matmul(units, np.swapaxes(units, -1, -2))[..., first, second]
    made = {
        "nc1": np.where(spans.any(axis=-1), (np.where(spans, within, 0.0) / np.where(spans, sizes, 1.0) ** 2).sum(axis=-1), np.nan),
        "nc2_norm": lengths.std(axis=-1) / lengths.mean(axis=-1),
        "nc2_angle": cosines.std(axis=-1) if len(first) else np.full(f.shape[:-2], np.nan),
        "nc2_simplex": np.abs(cosines + 1 / (m.shape[-2] - 1)).mean(axis=-1) if len(first) else np.full(f.shape[:-2], np.nan),
    }
    if head is not None:
        w = np.swapaxes(head[..., there], -1, -2)
        gap = w / _frobenius(w) - m / _frobenius(m)
        made["nc3"] = np.sqrt((gap * gap).sum(axis=(-2, -1)))
    return made


def _frobenius(a: Any) -> Any:
    return np.sqrt((a * a).sum(axis=(-2, -1), keepdims=True))


def ridge(f: Any, targets: Any, penalty: float) -> tuple[Any, Any]:
    """The weights (..., features, columns) and the bias (..., 1, columns) of min |Y - F B - 1 b^T|^2 + penalty |B|^2, by the singular values of what is left
    of F after its mean; without a penalty the solution of least length."""
    middle, level = f.mean(axis=-2, keepdims=True), targets.mean(axis=-2, keepdims=True)
    u, sizes, v = np.linalg.svd(f - middle, full_matrices=False)
    there = sizes > max(f.shape[-2:]) * np.finfo(np.float64).eps * sizes[..., :1]
    factors = np.where(there, sizes, 0.0) / np.where(there, sizes**2 + penalty, 1.0)
    along = factors[..., None] * np.matmul(np.swapaxes(u, -1, -2), targets - level)
    weights = np.matmul(np.swapaxes(v, -1, -2), along)
    return weights, level - np.matmul(middle, weights)


def accuracy(found: Any, targets: Any) -> Any:
    """The fraction of samples whose largest output is that of their class (...)."""
    return (found.argmax(axis=-1) == targets.argmax(axis=-1)).mean(axis=-1)


def explained(found: Any, targets: Any) -> Any:
    """R^2 = 1 - |Y - found|^2 / |Y - mean of Y|^2 over all columns (...)."""
    spread = targets - targets.mean(axis=-2, keepdims=True)
    total = (spread * spread).sum(axis=(-2, -1))
    return 1 - ((targets - found) ** 2).sum(axis=(-2, -1)) / np.where(total > 0, total, np.nan)
