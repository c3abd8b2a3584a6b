"""Gradient clipping, applied to the noisy gradient before the optimizer sees it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Positive, Unit
from .registry import Choice
from .sweep import Swept


class Clip(Unit):
    """Base: `apply(g, at)` with g (..., dim) and the threshold broadcasting against it."""

    at: Swept[Positive] = Field(default=1.0, description="the threshold")

    @staticmethod
    def apply(g: Any, at: Any, xp: Any) -> Any:
        raise NotImplementedError


class ClipValue(Clip):
    """Each component is clipped to [-at, at]."""

    kind: Literal["value"] = "value"

    @staticmethod
    def apply(g, at, xp):
        return xp.minimum(xp.maximum(g, -at), at)


class ClipNorm(Clip):
    """The gradient is scaled down to Euclidean norm `at` if it is longer: g min(1, at / |g|). Source: arXiv:1211.5063."""

    kind: Literal["norm"] = "norm"

    @staticmethod
    def apply(g, at, xp):
        size = xp.max(xp.abs(g), axis=-1, keepdims=True)  # by which g is divided, so that no square overflows or vanishes
        size = xp.where((size > 0) & xp.isfinite(size), size, xp.ones_like(size))
        shape = g / size
        norm = xp.sqrt(xp.sum(shape * shape, axis=-1, keepdims=True))
        return xp.where(size * norm > at, shape * (at / norm), g)


CLIPS = Choice("clip", ClipValue, ClipNorm)
AnyClip = Annotated[Clip, CLIPS]
