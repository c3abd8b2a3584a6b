"""What every optimizer declares, and the contract of an elementwise rule.

A rule is a static method `update(x, g, *state, *inputs) -> (x, *state)` of arrays that broadcast, written with `np.` functions and
nothing else, so that the same function runs on NumPy and CuPy arrays and compiles into fused kernels. Its argument names say what it
needs: `x` the point, `g` the (noisy, clipped) gradient, the names in `state`, and then any of

    t       the number of this update, 1, 2, ... (a whole number)
    xi      standard normal noise of the shape of x, of the optimizer's own stream
    lr      the learning rate times the schedule's factor at this update
    loss    the value at the consensus, of particles
    a field its value, per run where the field is Swept, a plain Python value where it is not
    a key of constants(), its array

Branch with `if` only on plain fields (flags, names); use np.where on arrays. The length of a vector is norm(v) and its direction unit(v), which
neither overflow nor vanish where the vector itself does not.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from ..specs.average import AnyAverage
from ..specs.base import Unit
from ..specs.clip import AnyClip
from ..specs.reserved import folder_problem
from ..specs.schedule import AnySchedule, Constant


def norm(v: Any) -> Any:
    """|v| of v (..., dim), as (..., 1): of v divided by its largest component, so that no square overflows or vanishes."""
    size = np.max(np.abs(v), axis=-1, keepdims=True)
    size = np.where((size > 0) & np.isfinite(size), size, 1.0)
    v = v / size
    return size * np.sqrt(np.sum(v * v, axis=-1, keepdims=True))


def unit(v: Any) -> Any:
    """v / |v| of v (..., dim), whatever the size of its components; NaN where v is 0."""
    v = v / np.max(np.abs(v), axis=-1, keepdims=True)
    return v / np.sqrt(np.sum(v * v, axis=-1, keepdims=True))


class Optimizer(Unit):
    """Base: a label, and the wrappers that compose with every rule."""

    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")] | None = Field(
        default=None, description="name of the group in the store; by default the kind"
    )
    schedule: AnySchedule = Field(default=Constant(), description="factor on lr over the steps")
    clip: AnyClip | None = Field(default=None, description="clipping of the gradient before the rule sees it")
    average: AnyAverage | None = Field(default=None, description="average of the iterates, kept and recorded beside them")

    source: ClassVar[str] = ""
    sees_gradients: ClassVar[bool] = True
    """Whether it sees gradients; else values alone."""
    state: ClassVar[tuple[str, ...]] = ()
    initial: ClassVar[dict[str, str]] = {}
    """State variable -> the field that holds its initial value; zero where not listed."""

    @field_validator("label")
    @classmethod
    def _is_a_folder(cls, label: str | None) -> str | None:
        if label and (why := folder_problem(label)):
            raise ValueError(f"no group of a store can be called '{label[:40]}': {why}")
        return label

    @property
    def name(self) -> str:
        """The group's name in the store: the label, by default the kind."""
        return self.label or self.kind

    def unfit(self, blocks: Mapping[str, tuple[int, ...]]) -> str | None:
        """Why it cannot act on a landscape with these parameter blocks, and what would; None if it can."""
        return None

    def remarks(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
        """What a reader of the results should know of how it acts on these blocks, by the name of an attribute of the group."""
        return {}


class RuleOptimizer(Optimizer):
    """An optimizer with a rule `update(x, g, *state, *inputs) -> (x, *state)`; states are shaped as x."""

    head: ClassVar[tuple[str, ...]] = ("x", "g")
    """What the rule's arguments begin with."""

    @staticmethod
    def update(*args: Any) -> Any:
        raise NotImplementedError

    def constants(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Arrays that the rule takes besides its fields, by the name of its argument; made once, for a landscape with these blocks."""
        return {}

    @classmethod
    @functools.cache
    def inputs(cls) -> tuple[str, ...]:
        """The names of the rule's arguments after x, g and the state."""
        names = tuple(inspect.signature(cls.update).parameters)
        head = (*cls.head, *cls.state)
        if names[: len(head)] != head:
            raise TypeError(f"{cls.__name__}.update must begin with ({', '.join(head)}), it begins with ({', '.join(names[: len(head)])})")
        return names[len(head) :]


class ElementwiseOptimizer(RuleOptimizer):
    """An optimizer whose rule acts on each component alone; with a formula it compiles into a fused kernel."""


class VectorOptimizer(RuleOptimizer):
    """An optimizer whose rule sees the whole point, x and g (..., dim), and may take norms and inner products over the last axis."""
