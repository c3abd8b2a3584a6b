"""Parameters that another study has stored, as parts of a study name them: where a start is made of them, and in formulas."""

from typing import Annotated

from pydantic import Field

from .base import Count, Index, Spec


class Stored(Spec):
    """The parameters of runs in a store. Every run takes those of the run with its seed and its values of what is swept there."""

    store: str = Field(description="the store; a relative path starts at the study's folder")
    group: str = Field(default="", description="the optimizer; default: the one with the same name, or the only one")
    at: Index | None = Field(default=None, description="a recorded step; default: the last")
    seed: Index | None = Field(default=None, description="use the run of this seed for all seeds; default: each seed uses its own")


class Used(Stored):
    """One variable of these parameters, frozen, as an array of a formula."""

    variable: Annotated[str, Field(min_length=1)] = Field(description="the variable there")
    shape: tuple[Count, ...] = Field(description="its shape; [] is a number")
