"""What a run stores at its recorded steps. Every variable is an object that knows what all others ask about it: the text that people read,
its own dimensions, who makes it, whether it is stored without being named, and why a study may not ask for it.

There are three sources: what the engine has of every run (`ENGINE`), the landscape's observables, and the diagnostics, each a file of
specs/diagnostics/. A plug-in's diagnostic gives way to an observable of the same name, so installing one changes no study.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from .registry import DIAGNOSTICS

if TYPE_CHECKING:
    from .optimizer import Optimizer
    from .study import Study

Blocks = Mapping[str, tuple[int, ...]]
"""The named parameter blocks and their shapes."""
Own = Callable[[Blocks, int], dict[str, dict[str, int]]]
"""From the parameter blocks and the number of particles to the arrays that a variable is stored in: the end of the array's name -> its own
dimensions, name -> size. The arrays' numbers follow each other in what is computed."""


def scalar(blocks: Blocks, particles: int) -> dict[str, dict[str, int]]:
    """One number."""
    return {"": {}}


def components(blocks: Blocks, particles: int) -> dict[str, dict[str, int]]:
    """A number a component of the landscape: one array a block."""
    return {"" if len(blocks) == 1 else f"_{block}": block_dims(block, shape, blocks) for block, shape in blocks.items()}


def each_particle(blocks: Blocks, particles: int) -> dict[str, dict[str, int]]:
    """A number a particle and component, of landscapes with one block."""
    (own,) = components(blocks, particles).values()
    return {"": {"particle": particles, **own}}


def block_dims(block: str, shape: tuple[int, ...], blocks: Blocks) -> dict[str, int]:
    """A block's own dimensions: `dim` for the one vector, `W1_0`, `W1_1` for a matrix among several blocks.

    >>> block_dims("W", (3, 2), {"W": (3, 2), "b": (3,)})
    {'W_0': 3, 'W_1': 2}
    """
    if len(blocks) == 1:
        return {"dim": shape[0]} if len(shape) == 1 else {f"dim_{k}": size for k, size in enumerate(shape)}
    return {f"{block}_{k}": size for k, size in enumerate(shape)}


NO_VARIABLE = "is no variable"


def always(study: "Study", optimizer: "Optimizer") -> str | None:
    """Every study may ask for it."""
    return None


@dataclass(frozen=True)
class Variable:
    """One variable that runs store at their recorded steps."""

    name: str
    text: str
    """One line for people, stored as `long_name`."""
    maker: Literal["engine", "average", "landscape", "diagnostic"]
    units: str = "1"
    default: bool = True
    """Whether it is stored where a study names no variables."""
    own: Own = scalar
    unfit: "Callable[[Study, Optimizer], str | None]" = always
    """Why it cannot be stored of this optimizer's runs in this study; None if it can."""
    diagnostic: Any = None
    """The unit of specs/diagnostics/ that computes it, if one does."""

    def arrays(self, blocks: Blocks, particles: int = 0) -> dict[str, dict[str, int]]:
        """The arrays that it is stored in, each with its own dimensions: {"params_W1": {"W1_0": 64, "W1_1": 32}, ...}."""
        return {f"{self.name}{end}": dims for end, dims in self.own(blocks, particles).items()}

    def pieces(self, blocks: Blocks, particles: int = 0) -> Iterator[tuple[str, tuple[int, ...], slice]]:
        """(an array's name, its own shape, where its numbers lie among all that the variable has in a run at a step)."""
        first = 0
        for name, dims in self.arrays(blocks, particles).items():
            last = first + math.prod(dims.values())
            yield name, tuple(dims.values()), slice(first, last)
            first = last

    def size(self, blocks: Blocks, particles: int = 0) -> int:
        """Numbers that it has in a run at a step."""
        return sum(math.prod(shape) for _, shape, _ in self.pieces(blocks, particles))

    @property
    def is_scalar(self) -> bool:
        """Whether it is one number a run and step."""
        return self.own is scalar


def _needs_average(study: "Study", optimizer: "Optimizer") -> str | None:
    return None if optimizer.average else f"needs an optimizer with an `average`, and {optimizer.name} has none"


def _needs_particles(study: "Study", optimizer: "Optimizer") -> str | None:
    if optimizer.sees_gradients:
        return f"needs an optimizer with particles, and {optimizer.name} has none"
    if len(study.landscape.blocks) > 1:
        return f"needs a landscape with one parameter block, and {study.landscape.kind} has {len(study.landscape.blocks)}"
    return "cannot be summarised over the seeds; leave out `stats`" if study.record.stats else None


ENGINE = {
    v.name: v
    for v in (
        Variable("loss", "noiseless objective", "engine"),
        Variable("params", "iterate", "engine", own=components),
        Variable("average_loss", "noiseless objective at the iterate average", "average", unfit=_needs_average),
        Variable("average_params", "iterate average", "average", own=components, unfit=_needs_average),
        Variable("swarm", "all particles", "engine", default=False, own=each_particle, unfit=_needs_particles),
    )
}
"""What every landscape has, whatever its kind."""


def find(study: "Study", name: str) -> Variable | None:
    """The variable of this name that the study's runs could store; None if there is none. Raises ImportError where its plug-in is
    broken, ValidationError where a bare name is not enough."""
    if name in study.landscape.observable_names:
        return Variable(name, name.replace("_", " "), "landscape")
    if name in ENGINE:
        return ENGINE[name]
    if name not in DIAGNOSTICS.kinds():
        return None
    given = next((unit for unit in study.record.variables or () if not isinstance(unit, str) and unit.kind == name), None)
    return (given or DIAGNOSTICS.load(name)()).variable()


def recorded(study: "Study", optimizer: "Optimizer") -> tuple[Variable, ...]:
    """What is stored of this optimizer's runs: as the study says, by default everything but diagnostics and swarms."""
    names = study.record.names
    if names is None:
        observables = study.landscape.observable_names
        names = ("loss", "params", *observables, *(v.name for v in ENGINE.values() if v.default and v.name not in ("loss", "params")))
    found = [find(study, name) for name in names]
    return tuple(v for v in found if v is not None and v.unfit(study, optimizer) is None)


def known(study: "Study") -> list[str]:
    """The names of all variables that runs of the study could store: the engine's, observables, diagnostics."""
    names = [*ENGINE, *study.landscape.observable_names, *DIAGNOSTICS.kinds()]
    return [name for name in dict.fromkeys(names) if why_not(study, name) is None]


def why_not(study: "Study", name: str) -> str | None:
    """Why no optimizer's runs in this study can store this variable, in words that follow its name; None if some can."""
    try:
        variable = find(study, name)
    except ImportError as error:
        return f"cannot be computed: {error}"
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors(include_url=False))
        return f"needs more than its name; write {{kind: {name}, ...}} with its fields: {fields}"
    if variable is None:
        return NO_VARIABLE
    reasons = [variable.unfit(study, optimizer) for optimizer in study.optimizers]
    return None if None in reasons else "; ".join(dict.fromkeys(map(str, reasons)))
