r"""Learning-rate schedules: the factor c(t) in lr_t = lr c(t), for step t = 0 .. steps - 1 (the t-th update uses c(t)).

Every schedule starts with a linear warm-up: c(t) = (t + 1) / warmup for t < warmup. After it, s = (t - warmup) / (steps - warmup)
runs from 0 to 1, and the kinds below apply. `floor` is the smallest factor (lr_min / lr). Steps, `checkpoints` too, are steps of the run,
counted from its start. `warmup` and `decay` are lengths: up to 1 a fraction of the whole run (`decay` of the cycle, in wsd_s), above 1
steps; see lengths.py. A decay longer than what the warm-up leaves begins when the warm-up ends.
Sources: cosine arXiv:1608.03983; WSD arXiv:2404.06395; WSD-S and the inverse (harmonic) shape arXiv:2410.05192; 1-sqrt arXiv:2405.18392.
"""

import itertools
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from .base import Count, NonNegative, Positive, Probability, Real, Unit
from .lengths import in_steps
from .registry import Choice
from .sweep import Structural, Swept

Shape = Literal["linear", "cosine", "sqrt", "inverse", "exponential"]


def decayed(shape: Shape, s: Any, floor: Any) -> Any:
    """The factor at fraction s in [0, 1] of a decay from 1 to `floor`.

    linear 1 - s (1 - f); cosine f + (1 - f)(1 + cos pi s)/2; sqrt 1 - sqrt(s) (1 - f); inverse 1/((1 - s) + s/f); exponential f^s.
    The last two never reach 0, so a floor of 0 counts there as 1e-3.
    """
    s = np.clip(s, 0.0, 1.0)
    small = np.where(floor > 0, floor, 1e-3)
    match shape:
        case "linear":
            return 1 - s * (1 - floor)
        case "cosine":
            return floor + (1 - floor) * (1 + np.cos(np.pi * s)) / 2
        case "sqrt":
            return 1 - np.sqrt(s) * (1 - floor)
        case "inverse":
            return 1 / ((1 - s) + s / small)
        case "exponential":
            return small**s


class Schedule(Unit):
    """Base: a warm-up, then `after`."""

    warmup: Swept[NonNegative] = Field(
        default=0.0, description="length of the linear warm-up; up to 1: a fraction of the run, above 1: steps"
    )

    def factor(self, t: Any, steps: int, p: dict[str, Any]) -> Any:
        """c(t) in float64. t (T,) whole steps; every value in `p` broadcasts against (..., T), as the result does."""
        t = np.asarray(t, dtype=np.float64)
        warm = in_steps(p["warmup"], steps)
        after = self.after(np.maximum(t, warm), warm, steps, p)
        return np.where(t < warm, (t + 1) / np.maximum(warm, 1.0), after)

    def after(self, t: Any, warm: Any, steps: int, p: dict[str, Any]) -> Any:
        """c at steps t >= warm (..., T); `warm` (..., 1) steps of warm-up come first."""
        raise NotImplementedError


def remaining(t: Any, warm: Any, steps: int) -> Any:
    """The fraction of what follows the warm-up that is over at step t."""
    return (t - warm) / np.maximum(steps - warm, 1.0)


def into_decay(t: Any, decay: Any, warm: Any, steps: int) -> tuple[Any, Any]:
    """(steps since the decay began, its length): it ends with the run and does not begin before the warm-up is over."""
    length = np.clip(in_steps(decay, steps), 1.0, np.maximum(steps - warm, 1.0))
    return t - (steps - length), length


class Constant(Schedule):
    """c = 1."""

    kind: Literal["constant"] = "constant"

    def after(self, t, warm, steps, p):
        return np.ones_like(t)


class Cosine(Schedule):
    """Half a cosine from 1 to `floor` over all steps after the warm-up."""

    kind: Literal["cosine"] = "cosine"
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    def after(self, t, warm, steps, p):
        return decayed("cosine", remaining(t, warm, steps), p["floor"])


class Linear(Schedule):
    """A straight line from 1 to `floor` over all steps after the warm-up."""

    kind: Literal["linear"] = "linear"
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    def after(self, t, warm, steps, p):
        return decayed("linear", remaining(t, warm, steps), p["floor"])


class Wsd(Schedule):
    """Warm-up, stable, decay: c = 1 until the last `decay` steps, over which it decreases to `floor` in the given shape."""

    kind: Literal["wsd"] = "wsd"
    decay: Swept[Positive] = Field(default=0.1, description="length of the decay; up to 1: a fraction of the run, above 1: steps")
    shape: Structural[Shape] = Field(default="linear", description="shape of the decay")
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    def after(self, t, warm, steps, p):
        since, length = into_decay(t, p["decay"], warm, steps)
        return np.where(since <= 0, 1.0, decayed(self.shape, since / length, p["floor"]))  # type: ignore[arg-type]


class HarmonicDecay(Schedule):
    """c = 1 until the last `decay` steps, then 1 / (2 + rate k) at the k-th of them, k = 0, 1, ...

    With rate = lr k, where k is the curvature across a river, it reduces the hill loss of SGD fastest, starting from the stationary state at a
    constant rate. After K steps the hill loss is c^2 / (2 (2/lr + (K - 1) k)), with c the gradient noise (derived). Source: arXiv:2410.05192 (the
    form).
    """

    kind: Literal["harmonic_decay"] = "harmonic_decay"
    decay: Swept[Positive] = Field(default=0.1, description="length of the decay; up to 1: a fraction of the run, above 1: steps")
    rate: Swept[Positive] = Field(default=0.5, description="the best value is lr k, where k is the curvature across the river")

    def after(self, t, warm, steps, p):
        k, _ = into_decay(t, p["decay"], warm, steps)
        return np.where(k < 0, 1.0, 1 / (2 + p["rate"] * np.maximum(k, 0.0)))


class WsdS(Schedule):
    """WSD-S: decay before each checkpoint, then resume the stable phase from the decayed iterate, in one branch without rewinding.

    `checkpoints` are steps of the run at which a decay ends. With 50 among them, update 49 (counted from 0) has the smallest factor, and
    update 50 the full rate. The end of the run is also a checkpoint; checkpoints beyond it are ignored. The first cycle begins with the run,
    and its decay does not begin before the end of the warm-up.
    """

    kind: Literal["wsd_s"] = "wsd_s"
    checkpoints: tuple[Count, ...] = Field(description="increasing steps at which a decay ends")
    decay: Swept[Positive] = Field(default=0.1, description="length of the decay; up to 1: a fraction of the cycle, above 1: steps")
    shape: Structural[Shape] = Field(default="inverse", description="shape of the decay")
    floor: Swept[Probability] = Field(default=0.1, description="the smallest factor, lr_min / lr")

    @model_validator(mode="after")
    def _increasing(self):
        if any(b <= a for a, b in zip(self.checkpoints, self.checkpoints[1:], strict=False)):
            raise ValueError("checkpoints must increase")
        return self

    def after(self, t, warm, steps, p):
        made = np.ones_like(t)
        for start, end in cycles(self.checkpoints, steps):
            length = np.clip(in_steps(p["decay"], end - start), 1.0, np.maximum(end - np.maximum(start, warm), 1.0))
            s = (t - (end - length)) / length
            made = np.where((s > 0) & (t < end), decayed(self.shape, s, p["floor"]), made)  # type: ignore[arg-type]
        return made


class CyclicCosine(Schedule):
    """A cosine on each interval between checkpoints, which restarts at 1 and keeps the weights; `checkpoints` as in wsd_s.

    The first interval begins at the end of the warm-up, and so does a later interval if the warm-up extends into it.
    """

    kind: Literal["cyclic_cosine"] = "cyclic_cosine"
    checkpoints: tuple[Count, ...] = Field(description="increasing steps at which a decay ends")
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    _increasing = WsdS._increasing

    def after(self, t, warm, steps, p):
        made = np.ones_like(t)
        for start, end in cycles(self.checkpoints, steps):
            first = np.maximum(start, warm)
            s = (t - first) / np.maximum(end - first, 1.0)
            made = np.where((t >= first) & (t < end), decayed("cosine", s, p["floor"]), made)
        return made


class Step(Schedule):
    """Multiply by `gamma` every `every` steps after the warm-up: c = gamma^floor((t - warmup) / every)."""

    kind: Literal["step"] = "step"
    every: Swept[Annotated[Real, Field(ge=1)]] = Field(description="steps between two drops, at least 1")
    gamma: Swept[Positive] = Field(default=0.1, description="factor of a drop")

    def after(self, t, warm, steps, p):
        return p["gamma"] ** np.floor((t - warm) / p["every"])


def cycles(checkpoints: tuple[int, ...], steps: int) -> list[tuple[int, int]]:
    """First step and end of every interval between checkpoints; those from the end of the run on do not count."""
    return list(itertools.pairwise([0, *(mark for mark in checkpoints if mark < steps), steps]))


SCHEDULES = Choice("schedule", Constant, Cosine, Linear, Wsd, HarmonicDecay, WsdS, CyclicCosine, Step)
AnySchedule = Annotated[Schedule, SCHEDULES]
