"""What every landscape offers, and the short way to make one from a formula.

Points are flat, shape (..., dim); the engine's leading axes are (points of the sweep, seeds). `p` holds the landscape's numbers by
name, each broadcasting against the leading axes, so that every run may have its own. `xp` is the array namespace of the points.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from pydantic import model_validator

from ..base import Unit
from ..calculus import Calculus, calculus
from ..dual import derivative
from ..errors import PlacedError
from ..expression import Formula
from ..init import Init, Point
from ..stored import Used
from ..sweep import resolved

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Minimum:
    """A known minimum: where, and the value there. `local` if it is not the global one, not `smooth` if f has a kink there."""

    at: tuple[float, ...]
    value: float
    local: bool = False
    smooth: bool = True


class Landscape(Unit):
    """Base. A subclass gives `blocks`, `value`, `value_and_grad`; everything else has a default.

    Class attributes: `domain` (low, high), where pictures and random tests look; `source`, a citation.
    """

    domain: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    source: ClassVar[str] = ""

    @model_validator(mode="after")
    def _has_numbers(self):
        """Its own numbers are none that are formulas: those are made of them."""
        for path, formula in self.formulas().items():
            raise PlacedError(path, f"must be a number, given '{formula.text:.60}'")
        return self

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        """The named parameter blocks and their shapes, in the order in which they lie in the flat point."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """The number of components of a flat point."""
        return sum(math.prod(shape) for shape in self.blocks.values())

    @cached_property
    def variants(self) -> tuple["Landscape", ...]:
        """The landscape once for every combination of its structural sweeps, such as a swept `dim`; none where there are no such sweeps."""
        made: list[Landscape] = [self]
        for path, (sweep, structural) in self.swept().items():
            if structural:
                made = [land.replace({path: value}) for land in made for value in sweep.values]
        return () if made[0] is self else tuple(made)

    @property
    def block_slices(self) -> dict[str, slice]:
        """Where each block lies in the flat point."""
        ends = list(itertools.accumulate((math.prod(shape) for shape in self.blocks.values()), initial=0))
        return {name: slice(start, end) for name, (start, end) in zip(self.blocks, itertools.pairwise(ends), strict=True)}

    @property
    def named_sizes(self) -> dict[str, int]:
        """Sizes by name, as formulas in other parts of a study may use them."""
        return {}

    @property
    def places(self) -> dict[str, tuple[slice, tuple[int, ...]]]:
        """The variables that can have a start and a learning rate of their own: where each lies in the flat point, and its shape. They are the
        blocks, or the scalar variables of a formula."""
        if self.labels and len(self.blocks) == 1:
            return {name: (slice(k, k + 1), ()) for k, name in enumerate(self.labels)}
        return {name: (where, self.blocks[name]) for name, where in self.block_slices.items()}

    def numbers(self) -> dict[str, float]:
        """The landscape's numbers by name, as `minima` and `river` take them; none of a field that is swept."""
        fields = ((path[-1], value) for path, value, structural in self.fields() if not structural)
        return {name: float(value) for name, value in fields if isinstance(value, (int, float))}

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the components, where they have any (the scalar variables of a formula)."""
        return None

    @property
    def observable_names(self) -> tuple[str, ...]:
        """The named scalars that `observe` computes."""
        return ()

    def start(self) -> Init:
        """The start of a study that names none."""
        return Point(at=0.0)

    def minima(self, values: Mapping[str, float]) -> list[Minimum]:
        """The known minima for these numbers (`values` has one float a name, as `p` has arrays)."""
        return []

    def river(self, along: np.ndarray, values: Mapping[str, float]) -> np.ndarray | None:
        """The river, the line of lowest points across a valley, where the first component is `along` (n,): points (n, dim), `values` as
        for `minima`. None if there is none; pictures draw it."""
        return None

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """What is random about the landscape itself: arrays (seeds, ...) by name, every seed its own, made of `normal(count)`, standard
        normal numbers (seeds, count). They come to `value` in `p`, (1, seeds, ...); its points then have the axes (points, seeds, ...)."""
        return {}

    def solution(self, p: Arrays, xp: Any) -> Any:
        """A planted solution, (1, seeds or 1, dim), where `init: solution` starts; None if there is none."""
        return None

    @property
    def disorder_size(self) -> int:
        """How many numbers `disorder` makes a seed."""
        return 0

    @property
    def stored(self) -> Mapping[str, Used]:
        """Parameters of other studies that it takes, by their names in `p`: (points or 1, seeds or 1, *shape) each."""
        return {}

    @property
    def dataset(self) -> Any:
        """The data that it is made of (specs/data.py, Dataset); None if it is made of none."""
        return None

    def check_batch(self, size: int, online: bool) -> None:
        """Raises SpecError if the loss cannot be computed on so many samples, of the data's or, `online`, on new ones."""

    def batch_count(self) -> int:
        """How many samples minibatches are drawn from; 0 if the landscape is not made of data."""
        return 0

    @property
    def sample_size(self) -> int:
        """How many standard normal numbers make a sample for online noise; 0 if the landscape has no distribution to draw from."""
        return 0

    @property
    def takes_step(self) -> bool:
        """Whether it changes from step to step. `p` then has the whole numbers `t`, the update from 1, and `steps`, how many there are."""
        return False

    def workspace(self, samples: int, runs: int) -> int:
        """How many numbers `value_and_grad` holds at a time for so many runs and samples, besides arrays of the points' size; roughly."""
        return 0

    @property
    def has_jacobian(self) -> bool:
        """Whether `jacobian` gives one."""
        return type(self).jacobian is not Landscape.jacobian

    def jacobian(self, x: Any, p: Arrays, xp: Any) -> Any:
        """Of a loss that is half a sum or mean of squared residuals, their derivatives (..., residuals, dim), so scaled that the gradient is
        J^T r times a number; None for other losses."""
        return None

    def residuals(self, x: Any, p: Arrays, xp: Any) -> Any:
        """The residuals (..., residuals) whose derivatives `jacobian` gives: half their squares' sum is the loss, but for a number; None where they
        are not known."""
        return None

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        """The noiseless loss at x (..., dim) -> (...)."""
        raise NotImplementedError

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        """Loss (...) and gradient (..., dim). `batch` makes both those of samples: (seeds, size) their indices (minibatch noise), or
        (seeds, size, sample_size) standard normal numbers to make them of (online noise)."""
        raise NotImplementedError

    def gradient_along(self, x: Any, v: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        """The gradient at x that optimizers get, and its derivative along v, which is shaped as x: (..., dim) each, in float64. By default
        exact, by dual numbers through `value_and_grad`; by central differences where that calls what they do not know."""
        (gradient,), (slope,) = derivative(lambda space, at: (self.value_and_grad(at, p, space, batch)[1],), (x,), (v,), xp)
        return gradient, slope

    def hvp(self, x: Any, v: Any, p: Arrays, xp: Any) -> Any:
        """The Hessian of the noiseless loss at x times v, which is shaped as x, in float64."""
        return self.gradient_along(x, v, p, xp)[1]

    def batch_value(self, x: Any, p: Arrays, xp: Any, batch: Any) -> Any:
        """The loss of `value_and_grad` on this batch, without the gradient: (points, seeds) at x (points, seeds, dim)."""
        return self.value_and_grad(x, p, xp, batch)[0]

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        """Every observable at x, each (...)."""
        return {}


class SymbolicLandscape(Landscape):
    """A landscape given as text, `definition()`: exact derivatives and fused kernels come for free."""

    def definition(self) -> Formula:
        """This landscape as text. A swept `dim` counts as its first value; the engine resolves structural sweeps before it runs."""
        raise NotImplementedError

    @cached_property
    def calculus(self) -> Calculus:
        """Value, gradient, Hessian and Hessian-vector product of the formula."""
        return calculus(self.definition())

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (self.definition().dim,)}

    @property
    def labels(self) -> tuple[str, ...] | None:
        return self.definition().variables or None

    @property
    def observable_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.definition().observables)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.calculus.value(x, p, xp)

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        return self.calculus.value_and_grad(x, p, xp)

    def gradient_along(self, x: Any, v: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        return self.calculus.value_and_grad(x, p, xp)[1], self.hvp(x, v, p, xp)

    def hvp(self, x: Any, v: Any, p: Arrays, xp: Any) -> Any:
        return self.calculus.hvp(x, v, p, xp)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        return self.calculus.observe(x, p, xp)


class FormulaLandscape(SymbolicLandscape):
    """A landscape whose formula is fixed in its file.

    A subclass states `formula`, and `variables` (scalars) or a `dim` field (the formula then uses x[i]); `observables` maps names to
    formulas; `define` names parts of the formula. Its `Swept` fields are the formula's parameters.
    """

    formula: ClassVar[str] = ""
    variables: ClassVar[tuple[str, ...]] = ()
    observables: ClassVar[dict[str, str]] = {}
    define: ClassVar[dict[str, str]] = {}

    def definition(self) -> Formula:
        vector = None if self.variables else ("x", self.components())
        names = tuple(path[-1] for path, _, structural in self.fields() if not structural)
        return Formula(self.formula, self.variables, vector, names, tuple(self.observables.items()), tuple(self.define.items()))

    def components(self) -> int:
        """The number of components of the vector x: the field `dim`."""
        return resolved(self.__dict__["dim"])
