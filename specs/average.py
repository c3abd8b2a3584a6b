"""Iterate averages: an estimate beside the iterate, which itself is left alone. Recorded as average_loss and average_params."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from .base import Fraction, NonNegative, Unit
from .registry import Choice
from .sweep import Swept


class Average(Unit):
    """Base: `update(a, x, t, steps, **fields)` gives the average after update t = 1, 2, ...; it starts at x_0."""

    lengths: ClassVar[tuple[str, ...]] = ()
    """Fields that are lengths (lengths.py); `update` gets them in whole steps."""

    @staticmethod
    def update(a: Any, x: Any, t: int, steps: int, xp: Any, **p: Any) -> Any:
        raise NotImplementedError

    @staticmethod
    def first(x: Any, xp: Any) -> Any:
        """What is averaged, at the start."""
        return x

    @staticmethod
    def estimate(a: Any, xp: Any) -> Any:
        """The point that the average stands for, shaped as the iterate."""
        return a


class Ema(Average):
    """Exponential moving average: a <- decay a + (1 - decay) x, from a_0 = x_0."""

    kind: Literal["ema"] = "ema"
    decay: Swept[Fraction] = Field(default=0.99, description="weight of the old average")

    @staticmethod
    def update(a, x, t, steps, xp, decay):
        return decay * a + (1 - decay) * x


class Tail(Average):
    """Mean of the iterates after the first `start` (up to 1: a fraction of the run; above 1: steps); before that, the iterate itself."""

    kind: Literal["tail"] = "tail"
    start: Swept[NonNegative] = Field(default=0.5, description="the part of the run that is left out; up to 1: a fraction, above 1: steps")

    lengths = ("start",)

    @staticmethod
    def update(a, x, t, steps, xp, start):
        count = xp.where(t > start, t - start, 1.0 + 0 * start)
        return a + (x - a) / xp.astype(count, x.dtype)


class Polyak(Average):
    """Polyak-Ruppert: the mean of all iterates after the start. Source: Polyak and Juditsky 1992, doi:10.1137/0330046."""

    kind: Literal["polyak"] = "polyak"

    @staticmethod
    def update(a, x, t, steps, xp):
        return a + (x - a) / t


class SecondMoment(Average):
    """The top eigenvector, of unit length, of the mean of x x^T over all iterates after the start: an estimate up to its sign if the
    mean iterate vanishes, as on even landscapes. Its first component is not negative. Source: arXiv:2603.06028, Algorithm 1."""

    kind: Literal["second_moment"] = "second_moment"

    @staticmethod
    def first(x, xp):
        return x[..., :, None] * x[..., None, :]

    @staticmethod
    def update(a, x, t, steps, xp):
        return a + (x[..., :, None] * x[..., None, :] - a) / t

    @staticmethod
    def estimate(a, xp):
        finite = xp.all(xp.isfinite(a), axis=(-2, -1), keepdims=True)
        top = xp.linalg.eigh(xp.where(finite, a, xp.zeros_like(a)))[1][..., -1]
        top = xp.where(top[..., :1] < 0, -top, top)
        return xp.where(finite[..., 0], top, xp.asarray(float("nan"), dtype=a.dtype))


AVERAGES = Choice("average", Ema, Tail, Polyak, SecondMoment)
AnyAverage = Annotated[Average, AVERAGES]
