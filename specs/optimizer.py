"""What every optimizer declares. Rules are in optimizers/."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from .average import AnyAverage
from .base import NonNegative, Unit
from .clip import AnyClip
from .names import normal_names
from .reserved import folder_problem
from .schedule import AnySchedule, Constant
from .sweep import Parts, Sweep, Swept


class Optimizer(Unit):
    """What a study may say of every optimizer: a label, and the wrappers that compose with every rule."""

    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")] | None = Field(
        default=None, description="name of the group in the store; default: the kind"
    )
    lr_scale: dict[str, Swept[NonNegative]] = Field(default={}, description="factors on lr by variable: {W2: 0.1}; 1 for the others")
    schedule: Parts[AnySchedule] = Field(default=Constant(), description="factor on lr over the steps")
    clip: Parts[AnyClip | None] = Field(default=None, description="clipping of the gradient before the rule sees it")
    average: Parts[AnyAverage | None] = Field(default=None, description="average of the iterates, kept and recorded beside them")

    source: ClassVar[str] = ""
    sees_gradients: ClassVar[bool] = True
    """Whether it sees gradients; else values alone."""
    needs_spread_start: ClassVar[bool] = False
    """Whether it is made of particles that would stay together if they started on each other."""
    state: ClassVar[tuple[str, ...]] = ()
    initial: ClassVar[dict[str, str]] = {}
    """State variable -> the field that holds its initial value; zero where not listed."""

    @field_validator("lr_scale", mode="before")
    @classmethod
    def _as_formulas_read_them(cls, names: Any) -> Any:
        return normal_names(names)

    @field_validator("average")
    @classmethod
    def _all_or_none(cls, average: Any) -> Any:
        if isinstance(average, Sweep) and None in average.values:
            raise ValueError(
                "null cannot be one of several averages, since it stores other variables; add a second optimizer without an average"
            )
        return average

    @field_validator("label")
    @classmethod
    def _is_a_folder(cls, label: str | None) -> str | None:
        if label and (why := folder_problem(label)):
            raise ValueError(f"a group of a store cannot be called '{label[:40]}': {why}")
        return label

    @property
    def name(self) -> str:
        """The group's name in the store: the label, by default the kind."""
        return self.label or self.kind

    def state_numbers(self, blocks: Mapping[str, tuple[int, ...]]) -> int:
        """How many numbers its states have in a run on a landscape with these blocks."""
        return len(self.state) * sum(map(math.prod, blocks.values()))

    def with_sizes(self, sizes: Mapping[str, int]) -> "Optimizer":
        """This optimizer, told the sizes that a landscape has by name, for fields that are formulas of them; `unfit` and a rule's constants
        then use these."""
        return self

    def unfit(self, blocks: Mapping[str, tuple[int, ...]]) -> str | None:
        """Why it cannot act on a landscape with these parameter blocks, and what would; None if it can."""
        return None

    def remarks(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
        """What a reader of the results should know of how it acts on these blocks, by the name of an attribute of the group."""
        return {}
