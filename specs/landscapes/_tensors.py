"""A formula over named tensors and data, written in the study."""

from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, field_validator, model_validator

from ..base import Count, Real
from ..data import Data
from ..errors import PlacedError
from ..init import FanIn, Init, Normal
from ..names import normal_names, why_no_name
from ..program.draws import Draw, draw
from ..program.function import FUNCTIONS
from ..program.read import CONSTANTS
from ..sweep import Structural, StructuralValues, Swept, resolved
from ._program import STEP, Drawn, TensorFormula
from ._tensor_landscape import ProgramLandscape
from .base import Arrays

DATA = ("X", "y", "X_test", "y_test")


class Tensors(ProgramLandscape):
    """A formula over named tensors, with data, random parts and sizes of its own.

    `variables` are what is optimised: a name and a shape each, made of whole numbers and `sizes`. `data` brings X (n, p), y (n,), X_test,
    y_test and the sizes n, n_test, p, classes. `parameters` are numbers, `arrays` are written out, `draws` are random once a seed. `define`
    names parts of the formula, with arguments where the name has them. `observables` are recorded along the trajectory.
    """

    kind: Literal["expression"] = "expression"
    data: Data | None = Field(default=None, description="brings X, y, X_test, y_test and the sizes n, n_test, p, classes")
    sizes: Annotated[dict[str, Structural[Count]], StructuralValues()] = Field(default={}, description="named sizes; a list sweeps one")
    variables: dict[str, tuple[Count | str, ...]] = Field(description="name -> shape, of numbers and sizes; [] is a number")
    parameters: dict[str, Swept[Real]] = Field(default={}, description="numbers by name, each of which can be swept")
    arrays: dict[str, Any] = Field(default={}, description="arrays written out, as lists")
    draws: dict[str, str] = Field(
        default={}, description="random once a seed: normal(d, d), uniform, sign, sphere, permutation, orthogonal"
    )
    define: dict[str, str] = Field(default={}, description="parts of the formula by name; net(x) has an argument")
    value_: Annotated[str, Field(alias="value", min_length=1, description="the loss")]
    observables: dict[str, str] = Field(default={}, description="formulas that are recorded along the trajectory, by name")

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)
    domain = (-1.0, 1.0)

    @field_validator("variables", "parameters", "observables", "sizes", "arrays", "draws", mode="before")
    @classmethod
    def _as_formulas_read_them(cls, names: Any) -> Any:
        names = {name: [] for name in names} if isinstance(names, (list, tuple)) else names
        return normal_names(names)

    @model_validator(mode="after")
    def _reads(self):
        self._dataset = self.data.load() if self.data else None
        self._check_names()
        _ = self.program().watched
        return self

    def _check_names(self) -> None:
        """Every name is a plain identifier, used once, and none that formulas have themselves."""
        seen = dict.fromkeys(DATA, "data") if self.data else {}
        seen |= dict.fromkeys(("n", "n_test", "p", "classes"), "data") if self.data else {}
        for part in ("sizes", "variables", "parameters", "arrays", "draws", "define"):
            for head in getattr(self, part):
                name = head.split("(")[0].strip() if part == "define" else head
                if problem := why_no_name(name):
                    raise PlacedError((part, head), problem)
                if name in seen:
                    raise PlacedError((part, head), f"the name '{name}' is used twice, here and in `{seen[name]}`")
                if name in CONSTANTS or name in (*STEP, "grad", "iterate") or name in FUNCTIONS.kinds():
                    raise PlacedError((part, head), f"the name '{name}' is taken by the formula language; choose another")
                seen[name] = part

    def definition(self) -> TensorFormula:
        return TensorFormula(
            value=self.value_,
            variables=self.variables,
            sizes=self._named_sizes,
            parameters=tuple(self.parameters),
            arrays=self.arrays,
            drawn={
                name: Drawn(tuple(label or n for n, label in zip(d.shape, d.axes, strict=True)), d.kind) for name, d in self._draws.items()
            },
            define=self.define,
            observables=self.observables,
        )

    @property
    def _named_sizes(self) -> dict[str, int]:
        return {name: int(resolved(n)) for name, n in self.sizes.items()}

    @cached_property
    def _draws(self) -> dict[str, Draw]:
        sizes = self._named_sizes | self.data_sizes()
        return {name: draw(text, sizes, ("draws", name)) for name, text in self.draws.items()}

    def start(self) -> Init:
        return FanIn() if any(len(shape) > 1 for shape in self.blocks.values()) else Normal()

    @property
    def disorder_size(self) -> int:
        return sum(drawn.count for drawn in self._draws.values())

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        numbers, first, made = normal(self.disorder_size) if self._draws else None, 0, {}
        for name, drawn in self._draws.items():
            assert numbers is not None
            made[name] = drawn.make(numbers[:, first : first + drawn.count])
            first += drawn.count
        return made
