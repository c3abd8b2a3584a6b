r"""Learning-rate schedules: the factor c(t) in lr_t = lr c(t), for step t = 0 .. steps - 1 (the t-th update uses c(t)).

Every schedule starts with a linear warm-up: c(t) = (t + 1) / warmup for t < warmup. After it, s = (t - warmup) / (steps - warmup)
runs from 0 to 1, and the kinds below apply. `floor` is the smallest factor (lr_min / lr). `warmup` and `decay` are fractions of the
whole (of the cycle, in wsd_s) when below 1, else steps.
Sources: cosine arXiv:1608.03983; WSD arXiv:2404.06395; WSD-S and the inverse (harmonic) shape arXiv:2410.05192; 1-sqrt arXiv:2405.18392.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from .base import Count, NonNegative, Positive, Probability, Unit
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


def in_steps(length: Any, total: Any) -> Any:
    """A length given as a fraction of `total` (below 1) or in steps, as whole steps."""
    return np.where(length < 1, np.round(length * total), length)


class Schedule(Unit):
    """Base: a warm-up, then `after(u, n)` at step u of the n that remain."""

    warmup: Swept[NonNegative] = Field(
        default=0.0, description="length of the linear warm-up: a fraction of the steps if below 1, else steps"
    )

    def factor(self, t: Any, steps: int, p: dict[str, Any]) -> Any:
        """c(t) in float64. t (T,) whole steps; every value in `p` broadcasts against (..., T), as the result does."""
        t = np.asarray(t, dtype=np.float64)
        warm = in_steps(p["warmup"], steps)
        after = self.after(np.maximum(t - warm, 0.0), np.maximum(steps - warm, 1.0), p)
        return np.where(t < warm, (t + 1) / np.maximum(warm, 1.0), after)

    def after(self, u: Any, n: Any, p: dict[str, Any]) -> Any:
        raise NotImplementedError


class Constant(Schedule):
    """c = 1."""

    kind: Literal["constant"] = "constant"

    def after(self, u, n, p):
        return np.ones_like(u + n)


class Cosine(Schedule):
    """Half a cosine from 1 to `floor` over the whole budget."""

    kind: Literal["cosine"] = "cosine"
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    def after(self, u, n, p):
        return decayed("cosine", u / n, p["floor"])


class Linear(Schedule):
    """A straight line from 1 to `floor` over the whole budget."""

    kind: Literal["linear"] = "linear"
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    def after(self, u, n, p):
        return decayed("linear", u / n, p["floor"])


class Wsd(Schedule):
    """Warm-up, stable, decay: c = 1 until the last `decay` steps, which fall to `floor` in the given shape."""

    kind: Literal["wsd"] = "wsd"
    decay: Swept[Positive] = Field(default=0.1, description="length of the decay: a fraction if below 1, else steps")
    shape: Structural[Shape] = Field(default="linear", description="of the decay")
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    def after(self, u, n, p):
        length = np.clip(in_steps(p["decay"], n), 1.0, n)
        s = (u - (n - length)) / length
        return np.where(s <= 0, 1.0, decayed(self.shape, s, p["floor"]))  # type: ignore[arg-type]


class HarmonicDecay(Schedule):
    """c = 1 until the last `decay` steps, then 1 / (2 + rate k) at the k-th of them, k = 0, 1, ...

    With rate = lr k, k the curvature across a river, it is the fastest way to shed the hill loss of SGD that is stationary at a constant
    rate; after K steps the hill loss is c^2 / (2 (2/lr + (K - 1) k)), c the gradient noise (derived). Source: arXiv:2410.05192 (the form).
    """

    kind: Literal["harmonic_decay"] = "harmonic_decay"
    decay: Swept[Positive] = Field(default=0.1, description="length of the decay: a fraction if below 1, else steps")
    rate: Swept[Positive] = Field(default=0.5, description="the best is lr k, k the curvature across the river")

    def after(self, u, n, p):
        length = np.clip(in_steps(p["decay"], n), 1.0, n)
        k = u - (n - length)
        return np.where(k < 0, 1.0, 1 / (2 + p["rate"] * np.maximum(k, 0.0)))


class WsdS(Schedule):
    """WSD-S: at each checkpoint decay, then resume the stable phase from the decayed iterate; one branch, no rewind.

    `checkpoints` are steps at which a decay ends; the end of the run is one more.
    """

    kind: Literal["wsd_s"] = "wsd_s"
    checkpoints: tuple[Count, ...] = Field(description="increasing steps at which a decay ends")
    decay: Swept[Positive] = Field(default=0.1, description="length of the decay: a fraction if below 1, else steps")
    shape: Structural[Shape] = Field(default="inverse", description="of the decay")
    floor: Swept[Probability] = Field(default=0.1, description="the smallest factor, lr_min / lr")

    @model_validator(mode="after")
    def _increasing(self):
        if any(b <= a for a, b in zip(self.checkpoints, self.checkpoints[1:], strict=False)):
            raise ValueError("checkpoints must increase")
        return self

    def after(self, u, n, p):
        start, end = cycle(u, n, self.checkpoints)
        length = np.clip(in_steps(p["decay"], end - start), 1.0, end - start)
        s = (u - (end - length)) / length
        return np.where(s <= 0, 1.0, decayed(self.shape, s, p["floor"]))  # type: ignore[arg-type]


class CyclicCosine(Schedule):
    """The cosine on each interval between checkpoints, restarting at 1 from the end weights."""

    kind: Literal["cyclic_cosine"] = "cyclic_cosine"
    checkpoints: tuple[Count, ...] = Field(description="increasing steps at which a decay ends")
    floor: Swept[Probability] = Field(default=0.0, description="the smallest factor, lr_min / lr")

    _increasing = WsdS._increasing

    def after(self, u, n, p):
        start, end = cycle(u, n, self.checkpoints)
        return decayed("cosine", (u - start) / (end - start), p["floor"])


class Step(Schedule):
    """Multiply by `gamma` every `every` steps: c = gamma^floor(u / every)."""

    kind: Literal["step"] = "step"
    every: Swept[Positive] = Field(description="steps between two drops")
    gamma: Swept[Positive] = Field(default=0.1, description="factor of a drop")

    def after(self, u, n, p):
        return p["gamma"] ** np.floor(u / p["every"])


def cycle(u: Any, n: Any, checkpoints: tuple[int, ...]) -> tuple[Any, Any]:
    """First and last step of the interval between checkpoints that holds step u; checkpoints beyond n do not count."""
    start, end = np.zeros_like(u + n), np.zeros_like(u + n) + n
    for mark in checkpoints:
        start = np.where((u >= mark) & (mark < n), mark, start)
    for mark in reversed(checkpoints):
        end = np.where((u < mark) & (mark < n), mark, end)
    return start, end


SCHEDULES = Choice("schedule", Constant, Cosine, Linear, Wsd, HarmonicDecay, WsdS, CyclicCosine, Step)
AnySchedule = Annotated[Schedule, SCHEDULES]
