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
    """Each component to [-at, at]."""

    kind: Literal["value"] = "value"

    @staticmethod
    def apply(g, at, xp):
        return xp.minimum(xp.maximum(g, -at), at)


class ClipNorm(Clip):
    """The whole gradient scaled down to Euclidean norm `at` where it is longer: g min(1, at / |g|). Source: arXiv:1211.5063."""

    kind: Literal["norm"] = "norm"

    @staticmethod
    def apply(g, at, xp):
        norm = xp.sqrt(xp.sum(g * g, axis=-1, keepdims=True))
        return xp.where(norm > at, g * (at / norm), g)


CLIPS = Choice("clip", ClipValue, ClipNorm)
AnyClip = Annotated[Clip, CLIPS]
