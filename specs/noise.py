"""Noise in the gradient the optimizer sees. The recorded loss stays the noiseless objective."""

from typing import Annotated, Literal

from pydantic import Field

from .base import Count, NonNegative, Positive, Unit
from .registry import Choice
from .sweep import Structural, Swept


class Noise(Unit):
    """Base of all kinds of gradient noise."""


class NoNoise(Noise):
    """The exact gradient."""

    kind: Literal["none"] = "none"


class Gaussian(Noise):
    """g + scale * xi, xi standard normal, independent over components, steps and seeds.

    `components` multiplies the scale of each component: [1, 4] makes the second direction four times as noisy.
    """

    kind: Literal["gaussian"] = "gaussian"
    scale: Swept[NonNegative] = Field(default=1.0, description="standard deviation of each component")
    components: tuple[NonNegative, ...] | None = Field(default=None, description="factors on the scale, one per component")


class StudentT(Noise):
    """g + scale * tau, tau Student-t with `df` degrees of freedom: heavy tails. `scale` is the scale parameter;
    the standard deviation is scale * sqrt(df / (df - 2)) for df > 2, infinite else."""

    kind: Literal["student_t"] = "student_t"
    scale: Swept[NonNegative] = Field(default=1.0, description="scale parameter of each component")
    df: Swept[Positive] = Field(default=3.0, description="degrees of freedom; fewer mean heavier tails")
    components: tuple[NonNegative, ...] | None = Field(default=None, description="factors on the scale, one per component")


Sampling = Literal["replacement", "reshuffle", "shuffle_once", "in_order"]


class Minibatch(Noise):
    """The gradient over `size` samples per step, for landscapes on data.

    `sampling`: replacement draws each sample anew from all; reshuffle uses all samples once per epoch, in a new random order for every epoch
    (random reshuffling); shuffle_once uses one random order for all epochs; in_order uses the order of the data. Every seed has its own random
    orders. If `size` does not divide the number of samples, the remaining ones are skipped in that epoch. Source: arXiv:2006.05988.
    """

    kind: Literal["minibatch"] = "minibatch"
    size: Structural[Count] = Field(default=32, description="samples per step")
    sampling: Structural[Sampling] = Field(default="replacement", description="how the samples of a step are chosen")


class Online(Noise):
    """The gradient over `size` new samples per step, drawn from the landscape's own distribution."""

    kind: Literal["online"] = "online"
    size: Structural[Count] = Field(default=1, description="samples per step")


SAMPLED = (Minibatch, Online)
"""Noise that comes from samples: the loss that an optimizer sees is then not the noiseless one."""
NOISES = Choice("noise", NoNoise, Gaussian, StudentT, Minibatch, Online)
AnyNoise = Annotated[Noise, NOISES]
