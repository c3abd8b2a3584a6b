"""A study that goes on from states another one has stored."""

from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from .base import Index, Spec
from .sweep import Structural, StructuralValues, Sweep


class Branch(Spec):
    """Begin at step `at` with the states stored in `store` (a study with `record: {state: [at]}`), under this study's settings.

    Noise, batches and schedules count steps from 0 as in the other study, so what is left unchanged gives the same bits. Every run goes on
    from the one with its seed and its values of the other study's sweeps. Several steps `at` are a dimension of the runs: each is a fork of its
    own.
    """

    store: str = Field(description="the store whose states the runs begin with; a relative path starts at the study's folder")
    at: Structural[Index] = Field(description="the step of those states; a list of steps becomes a dimension `at`")
    past: Annotated[dict[str, Structural[Index]], StructuralValues()] = Field(
        default={}, description="if the other study's runs were themselves forked from others: the dimension's name -> its steps"
    )
    group: str = Field(default="", description="the optimizer whose states are used; default: the one with the same name")

    def passed_on(self, store: str) -> dict[str, list[int]]:
        """`past` of what goes on from these runs, which are in this store."""
        steps = {**self.past, f"{PurePath(store).stem}_at": self.at}
        return {name: list(values.values) for name, values in steps.items() if isinstance(values, Sweep)}

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that runs begin at."""
        return self.at.values if isinstance(self.at, Sweep) else (self.at,)
