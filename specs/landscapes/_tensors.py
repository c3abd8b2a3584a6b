"""A formula over named tensors and data, written in the study."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, field_validator, model_validator

from ..base import Count, Real
from ..data import Data
from ..errors import PlacedError
from ..init import FanIn, Init, Normal
from ..names import normal_names, why_no_name
from ..program.draws import Draw, draw, sample
from ..program.function import FUNCTIONS
from ..program.node import Node, ordered
from ..program.read import CONSTANTS
from ..stored import Used
from ..sweep import Structural, StructuralValues, Swept, resolved
from ._program import STEP, Drawn, Program, TensorFormula, reads
from ._tensor_landscape import ProgramLandscape
from .base import Arrays

DATA = ("X", "y", "X_test", "y_test")
MAX_HELD = 2**24
"""Random numbers that the held-out samples of a seed may take."""


class Tensors(ProgramLandscape):
    """A formula over named tensors, with data, random arrays and named sizes.

    `variables` are the optimised arrays: a name and a shape for each, made of integers and `sizes`. `data` defines X (n, p), y (n,), X_test,
    y_test and the sizes n, n_test, p, classes. `parameters` are numbers, `arrays` are constants, and `draws` are drawn once per seed. `define`
    names parts of the formula, which can have arguments. `observables` are recorded along the trajectory.

    `samples` are drawn anew at every step with online noise, whose size is `batch`. The recorded loss, which noise none descends, is then the
    formula `population` (the expected value, if it is known), else `value` on `held` samples that are drawn once per seed and that no update
    sees. Observables that use samples are also evaluated on the held-out ones.
    """

    kind: Literal["expression"] = "expression"
    data: Data | None = Field(default=None, description="defines X, y, X_test, y_test and the sizes n, n_test, p, classes")
    sizes: Annotated[dict[str, Structural[Count]], StructuralValues()] = Field(
        default={}, description="named sizes; a list sweeps the size"
    )
    variables: dict[str, tuple[Count | str, ...]] = Field(description="name -> shape, made of numbers and sizes; [] is a number")
    parameters: dict[str, Swept[Real]] = Field(default={}, description="numbers by name, each of which can be swept")
    arrays: dict[str, Any] = Field(default={}, description="constant arrays, written as lists")
    draws: dict[str, str] = Field(
        default={}, description="arrays drawn once per seed: normal(d, d), uniform, sign, sphere, permutation, orthogonal"
    )
    samples: dict[str, str] = Field(
        default={}, description="arrays drawn anew at every step with online noise; their first axis is `batch`: normal(batch, d)"
    )
    population: Annotated[str, Field(min_length=1)] | None = Field(default=None, description="the expected value over samples, if known")
    held: Count = Field(default=1024, description="samples per seed on which the loss is recorded if there is no population")
    uses: dict[str, Used] = Field(default={}, description="frozen arrays: parameters that another study has stored")
    define: dict[str, str] = Field(default={}, description="parts of the formula by name; net(x) has an argument")
    value_: Annotated[str, Field(alias="value", min_length=1, description="the loss")]
    observables: dict[str, str] = Field(default={}, description="formulas that are recorded along the trajectory, by name")

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)
    domain = (-1.0, 1.0)

    @field_validator("variables", "parameters", "observables", "sizes", "arrays", "draws", "samples", "uses", mode="before")
    @classmethod
    def _as_formulas_read_them(cls, names: Any) -> Any:
        names = {name: [] for name in names} if isinstance(names, (list, tuple)) else names
        return normal_names(names)

    @model_validator(mode="after")
    def _reads(self):
        self._dataset = self.data.load() if self.data else None
        self._check_names()
        if (count := self.held * self.sample_size) > MAX_HELD:
            most = f"at most {MAX_HELD:,} are held per seed; give a smaller `held`"
            raise PlacedError(("held",), f"{self.held:,} samples of {self.sample_size:,} numbers are {count:,} numbers, and {most}")
        _ = self.program().watched
        self._check_samples()
        return self

    def _check_samples(self) -> None:
        """Samples are used, and where a known expected value is given that does without them."""
        if not self.samples:
            for name in ("population", "held"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise PlacedError((name,), "belongs to `samples`, which is not given")
            return
        if self.population is not None and (used := self._sampled(self.program().loss)):
            raise PlacedError(
                ("population",), f"is the expected value over samples, and cannot depend on {used[0]}; use {used[0]} in `value`"
            )
        if not self._sampled(self._seen.loss):
            raise PlacedError(("samples",), "the formula `value` depends on none of them")

    def _check_names(self) -> None:
        """Every name is a plain identifier, used once, and none that formulas have themselves."""
        seen = dict.fromkeys(DATA, "data") if self.data else {}
        seen |= dict.fromkeys(("n", "n_test", "p", "classes"), "data") if self.data else {}
        seen |= {"batch": "samples"} if self.samples else {}
        for part in ("sizes", "variables", "parameters", "arrays", "draws", "samples", "uses", "define"):
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
        fresh = {name: drawn(d, ("batch",)) for name, d in self._samples.items()}
        return TensorFormula(
            value=self.population or self.value_,
            variables=self.variables,
            sizes=self._named_sizes | ({"batch": self.held} if self.samples else {}),
            parameters=tuple(self.parameters),
            arrays=self.arrays,
            drawn={name: drawn(d) for name, d in self._draws.items()} | fresh | {name: Drawn(u.shape) for name, u in self.uses.items()},
            fresh=fresh,
            batch="batch" if self.samples else "n",
            sampled=self.value_ if self.population else "",
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

    @cached_property
    def _samples(self) -> dict[str, Draw]:
        sizes = self._named_sizes | self.data_sizes()
        return {name: sample(text, sizes, ("samples", name)) for name, text in self.samples.items()}

    @property
    def _seen(self) -> Program:
        """The program of what updates see with online noise, for as many samples as are held out."""
        return self.program(self.held, "batch", online=True)

    def _sampled(self, node: Node) -> list[str]:
        """The samples that this depends on."""
        return [name for name in self.samples if any(reads(one, (name,)) for one in ordered([node]))]

    @cached_property
    def holds_samples(self) -> bool:
        """Whether what is recorded needs held-out samples."""
        program = self.program()
        return any(map(self._sampled, (program.loss, *program.watched.values())))

    @cached_property
    def _of_runs(self) -> tuple[str, ...]:
        return tuple(name for name in super()._of_runs if self.holds_samples or name not in self.samples)

    @property
    def takes_step(self) -> bool:
        return self.program().takes_step or (self.population is not None and self._seen.takes_step)

    def check_batch(self, size: int, online: bool) -> None:
        self.program(size, "batch" if online else "n", online)

    def batch_count(self) -> int:
        return 0 if self.samples else super().batch_count()

    @property
    def sample_size(self) -> int:
        return sum(one.count for one in self._samples.values())

    def fresh(self, normal: Any, xp: Any) -> Arrays:
        return {name: array[None, ...] for name, array in self.new_samples(normal, xp).items()}

    def new_samples(self, normal: Any, xp: Any) -> Arrays:
        return made(self._samples, normal, xp)

    def start(self) -> Init:
        return FanIn() if any(len(shape) > 1 for shape in self.blocks.values()) else Normal()

    @property
    def disorder_size(self) -> int:
        return self._drawn_once + (self.held * self.sample_size if self.samples and self.holds_samples else 0) + self._used

    @property
    def stored(self) -> dict[str, Used]:
        return self.uses

    @property
    def _used(self) -> int:
        """How many numbers `uses` takes."""
        return sum(math.prod(used.shape) for used in self.uses.values())

    @property
    def _drawn_once(self) -> int:
        """How many numbers `draws` takes."""
        return sum(one.count for one in self._draws.values())

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        if not (size := self.disorder_size - self._used):
            return {}
        numbers, count = normal(size), self._drawn_once
        found = made(self._draws, numbers[:, :count], np)
        if numbers.shape[1] > count:
            found |= made(self._samples, numbers[:, count:].reshape(len(numbers), self.held, self.sample_size), np)
        return found


def drawn(one: Draw, front: tuple[str, ...] = ()) -> Drawn:
    """Its shape, behind these sizes, with the names of its axes."""
    return Drawn((*front, *(label or n for n, label in zip(one.shape, one.axes, strict=True))), one.kind)


def made(draws: Mapping[str, Draw], numbers: Any, xp: Any) -> Arrays:
    """The arrays by name, made in turn of standard normal numbers (..., count): (..., *shape) each."""
    found, first = {}, 0
    for name, one in draws.items():
        found[name] = one.make(numbers[..., first : first + one.count], xp)
        first += one.count
    return found
