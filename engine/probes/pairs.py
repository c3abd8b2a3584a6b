"""How alike two runs are: their parameters, their features, their predictions."""

import math
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ._compared import Compared, Couples, cosine, norms
from ._features import shape, values, why_not
from .base import Array, Scene, View


class Pairs(Compared):
    """Similarity of pairs of runs: distance and cosine of their parameters, linear CKA of features, disagreement of predictions.

    For the parameters a and b of two runs, `distance` is |a - b| and `cosine` a.b/(|a| |b|); with `align: permutation`, this is after the hidden
    units of the second run are put in the order of the first, and `moved` is the share of units that this moves. `cka` of the features X and Y
    (samples, features), with the means of their columns subtracted, is |X^T Y|_F^2 / (|X^T X|_F |Y^T Y|_F), which is 1 if they are alike up to
    rotation and scale. `disagreement` is the share of the data's samples for which the two runs predict different classes: the class with the largest
    score; if there is one score per sample, its sign; if the predictions are whole numbers, the numbers themselves.
    Sources: CKA, Kornblith, Norouzi, Lee & Hinton 2019, arXiv:1905.00414; matching, Ainsworth, Hayase & Srinivasa 2023, arXiv:2209.04836.
    """

    kind: Literal["pairs"] = "pairs"
    features: tuple[str, ...] = Field(default=(), description="definitions for the CKA: the first axis is samples, the others are features")
    predictions: str = Field(
        default="", description="the definition of the scores (samples, classes), or of the predicted classes, for the disagreement"
    )

    def own_arrays(self, scene: Scene) -> dict[str, Array]:
        made = {"distance": Array(text="distance of the parameters"), "cosine": Array(text="cosine of the parameters")}
        if self.features:
            made["cka"] = Array({"feature": len(self.features)}, "linear CKA of the features", coords={"feature": self.features})
        if self.predictions:
            made["disagreement"] = Array(text="share of samples with other predictions")
        return made

    def unfit(self, scene: Scene) -> str | None:
        if why := super().unfit(scene):
            return why
        for field, texts in (("features", self.features), ("predictions", (self.predictions,) * bool(self.predictions))):
            for land in scene.landscapes:
                for text in texts:
                    if why := _unlike(land, field, text):
                        return why
        return None

    def evaluations(self, scene: Scene) -> int:
        return 1 + int(self.shared(scene) / 8)

    def numbers(self, scene: Scene) -> int:
        held = sum(
            math.prod(shape(land, text)) for land in scene.landscapes for text in (*self.features, *filter(None, [self.predictions]))
        )
        return int(2 * held + 4 * scene.dim * max(1.0, self.shared(scene)))

    def compare(self, view: View, couples: Couples) -> dict[str, Any]:
        second, _, moved = self.matched(couples)
        a, b = couples.first.x, second.x
        made = {"distance": norms(a - b), "cosine": cosine(a, b)}
        if moved is not None:
            made["moved"] = moved
        if self.features:
            made["cka"] = np.stack([_cka(couples, text) for text in self.features], axis=-1)
        if self.predictions:
            one, other = (_classes(v, self.predictions) for v in (couples.one, couples.other))
            p, q = couples.taken(one, other)
            made["disagreement"] = (p != q).mean(axis=-1)
        return made


def _unlike(land: Any, field: str, text: str) -> str | None:
    """Why a definition cannot be compared over samples; None if it can."""
    if why := why_not(land, text, field=field):
        return why
    found, scores = shape(land, text), field == "predictions"
    if not (len(found) in (1, 2) if scores else len(found) > 1):
        wanted = "(samples, classes) or (samples,)" if scores else "(samples, features)"
        return f"{field}: '{text:.60}' has the shape {found}; it must be {wanted}"
    if field == "features" and found[0] < 2:
        return f"features: '{text:.60}' has the shape {found}; at least two samples are needed"
    return None


def _cka(couples: Couples, text: str) -> Any:
    """Linear CKA (rows, seeds) of a definition; NaN where features do not vary."""
    whole = [_centred(values(couples.one, text))]
    whole.append(whole[0] if couples.other is couples.one else _centred(values(couples.other, text)))
    sizes = [np.array([[_square(x, x) for x in row] for row in one]) for one in whole]
    (rows, others), (seeds, partners) = couples.rows, couples.seeds
    found = np.empty((len(rows), len(seeds)))
    for i, (r, s) in enumerate(zip(rows, others, strict=True)):
        for j, (k, m) in enumerate(zip(seeds, partners, strict=True)):
            size = np.sqrt(sizes[0][r, k] * sizes[1][s, m])
            found[i, j] = _square(whole[0][r, k], whole[1][s, m]) / size if size > 0 else np.nan
    return found


def _centred(features: Any) -> Any:
    """(rows, seeds, samples, features), each with the mean 0 over the samples."""
    flat = features.reshape(*features.shape[:3], -1)
    return flat - flat.mean(axis=2, keepdims=True)


def _square(x: Any, y: Any) -> float:
    """|X^T Y|_F^2 of (samples, features) each, by products of features or of samples, whichever is less work."""
    n, p, q = len(x), x.shape[1], y.shape[1]
    if p * q <= n * n:
        product = x.T @ y
        return float((product * product).sum())
    return float(((x @ x.T) * (y @ y.T)).sum())


def _classes(view: View, text: str) -> Any:
    """The predicted classes (rows, seeds, samples)."""
    scores = values(view, text)
    if scores.dtype.kind != "f":
        return scores
    return scores > 0 if scores.ndim == 3 else scores.argmax(axis=-1)
