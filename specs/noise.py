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

    `components` multiplies each component's scale: [1, 4] makes the second direction four times as noisy.
    """

    kind: Literal["gaussian"] = "gaussian"
    scale: Swept[NonNegative] = Field(default=1.0, description="standard deviation of a component")
    components: tuple[NonNegative, ...] | None = Field(default=None, description="factors on the scale, one a component")


class StudentT(Noise):
    """g + scale * tau, tau Student-t with `df` degrees of freedom: heavy tails. `scale` is the scale parameter;
    the standard deviation is scale * sqrt(df / (df - 2)) for df > 2, infinite else."""

    kind: Literal["student_t"] = "student_t"
    scale: Swept[NonNegative] = Field(default=1.0, description="scale parameter of a component")
    df: Swept[Positive] = Field(default=3.0, description="degrees of freedom: fewer, heavier tails")
    components: tuple[NonNegative, ...] | None = Field(default=None, description="factors on the scale, one a component")


Sampling = Literal["replacement", "reshuffle", "shuffle_once", "in_order"]


class Minibatch(Noise):
    """The gradient over `size` samples a step. For landscapes made of data.

    `sampling`: replacement, each drawn anew from all; reshuffle, all samples once an epoch, every epoch in a new random order (random
    reshuffling); shuffle_once, in one random order for all epochs; in_order, in that of the data. Every seed has its own orders. Where `size`
    does not divide the number of samples, those that are left at the end of an epoch are not seen in it. Source: arXiv:2006.05988.
    """

    kind: Literal["minibatch"] = "minibatch"
    size: Structural[Count] = Field(default=32, description="samples a step")
    sampling: Structural[Sampling] = Field(default="replacement", description="how a step's samples are chosen")


class Online(Noise):
    """The gradient over `size` samples drawn at each step from the landscape's own distribution, never to come again."""

    kind: Literal["online"] = "online"
    size: Structural[Count] = Field(default=1, description="samples a step")


SAMPLED = (Minibatch, Online)
"""Noise that comes from samples: the loss that an optimizer sees is then not the noiseless one."""
NOISES = Choice("noise", NoNoise, Gaussian, StudentT, Minibatch, Online)
AnyNoise = Annotated[Noise, NOISES]
