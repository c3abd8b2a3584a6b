"""A study: one landscape, one start, one kind of noise, some optimizers, how long, and what to store."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from .base import Count, Index, Spec
from .branch import Branch
from .claim import OWN_NAMES, Claim, wrong_claims
from .compatibility import PARTS, problems
from .dump import plain, to_yaml
from .errors import SpecError, suggest
from .formulas import problems as wrong_formulas
from .init import AnyInit, ByVariable, Init, Mix
from .landscapes.base import Landscape
from .messages import dotted
from .messages import problems as what_is_wrong
from .names import normal
from .noise import AnyNoise, Gaussian, NoNoise, StudentT
from .optimizer import Optimizer
from .probe import Probe, claimed
from .probe import problems as wrong_probes
from .record import Record, Stop
from .registry import LANDSCAPES, OPTIMIZERS, PROBES
from .sweep import NoFormulas, Parts, Structural, Sweep, resolved, values_of
from .variables import NO_VARIABLE, known, recorded, why_not

MAX_SEEDS = 100_000_000
MAX_VARIANTS = 10_000
WHOLE_PARTS = ("init", "noise", "precision")
"""Of which several may be given, each a dimension of its own."""
Check = tuple[Callable[[], "Iterable[str] | None"], tuple[str, ...]]
"""(a check, the parts that it looks at); it raises ValueError, or gives all problems that it finds."""


class _InWords(type(Spec)):
    """Makes `Study(...)` say what is wrong as a study file would be told."""

    def __call__(cls, *args: Any, **data: Any) -> Any:
        try:
            return super().__call__(*args, **data)
        except ValidationError as error:
            raise refused(data, error) from None


class Study(Spec, metaclass=_InWords):
    """A whole study, as in one YAML file; see the field descriptions in `thalweg schema`."""

    name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100, description="the study's name, also of its store by default")
    ]
    title: str = Field(default="", description="a title of one line, for pictures and lists")
    source: str = Field(default="", description="the paper or page that the study comes from")
    description: str = Field(default="", description="free text")
    landscape: Annotated[Landscape, LANDSCAPES, NoFormulas()] = Field(description="the function to minimise")
    init: Parts[AnyInit | None] = Field(default=None, description="where runs start; default: the landscape's own start")
    noise: Parts[AnyNoise] = Field(default=NoNoise(), description="noise in the gradients that optimizers get")
    optimizers: tuple[Annotated[Optimizer, OPTIMIZERS], ...] = Field(
        description="the optimizers, at least one; each becomes a group of the store"
    )
    zip: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = Field(
        default=(), description="lists of swept fields that vary together, along one dimension: [[landscape.sharpness, sgd.lr]]"
    )
    seeds: Annotated[Count, Field(le=MAX_SEEDS)] = Field(
        default=1, description="number of runs per sweep point, each with its own random numbers"
    )
    root_seed: Annotated[Index, Field(lt=2**63)] = Field(
        default=0, description="seed of all random numbers; another value changes all of them"
    )
    noise_seed: Structural[Annotated[Index, Field(lt=2**63)]] | None = Field(
        default=None,
        description="another value changes the noise, the batches and the optimizers' random numbers, but not the starts; a list becomes a dimension",
    )
    steps: Annotated[Count, Field(le=10**10)] = Field(description="number of updates of every run")
    branch: Branch | None = Field(default=None, description="begin with states that another study has stored")
    record: Record = Field(default=Record(), description="what is stored, and at which steps")
    precision: Parts[Literal["float32", "float64"]] = Field(default="float64", description="of all numbers that are computed and stored")
    stop: Stop = Field(default=Stop(), description="when a run ends early")
    probes: tuple[Annotated[Probe, PROBES], ...] = Field(
        default=(), description="what is computed from the stored parameters after the runs"
    )
    claims: tuple[Claim, ...] = Field(default=(), description="what the results must be; `thalweg verify` checks it")
    quick: Annotated[
        dict[str, Any], Field(description="settings of `thalweg verify --quick`, as for --set: fewer seeds, fewer points")
    ] = {}

    @classmethod
    def model_validate(cls, obj: Any, *, context: Any = None, **how: Any) -> "Study":
        """As Pydantic's; raises SpecError that says what is wrong, unless the context says that the caller does."""
        try:
            return super().model_validate(obj, context=context, **how)
        except ValidationError as error:
            if context and "located" in context:
                raise
            raise refused(obj, error) from None

    @field_validator("zip")
    @classmethod
    def _as_formulas_read_them(cls, together: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        """Names after the part's, or the label, in the form that formulas have them in."""
        return tuple(tuple(".".join((owner, *map(normal, rest))) for owner, *rest in (n.split(".") for n in names)) for names in together)

    @field_validator("optimizers")
    @classmethod
    def _unique_labels(cls, optimizers: tuple[Optimizer, ...]) -> tuple[Optimizer, ...]:
        if not optimizers:
            raise ValueError("give at least one optimizer")
        names = [o.name for o in optimizers]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"two optimizers are called '{twice[0]}'; give each its own `label`")
        return optimizers

    @field_validator("init")
    @classmethod
    def _all_or_none(cls, init: Any) -> Any:
        if isinstance(init, Sweep) and any(isinstance(one, Mix) for one in init.values):
            raise ValueError("a mix of stored starts cannot be one of several starts; give it its own stage")
        return init

    @model_validator(mode="after")
    def _parts_fit(self, info: ValidationInfo) -> "Study":
        """Everything that is wrong between the parts; `leave_out` in the context are parts that are wrong by themselves."""
        without = set((info.context or {}).get("leave_out", ()))
        wrong: list[str] = []
        checks = [check for one in self.variants() for check in one._of_parts()] + self._of_the_whole()
        for check, parts in checks:
            if without.isdisjoint(parts):
                try:
                    wrong += check() or ()
                except ValueError as error:
                    wrong += getattr(error, "problems", None) or [str(error)]
        if wrong:
            raise SpecError(list(dict.fromkeys(wrong)))
        return self

    def _of_parts(self) -> "list[Check]":
        """The checks of every combination of parts, where several were given of one."""
        return [
            (self._check_components, ("landscape", "init", "noise")),
            (self._check_recorded, ("landscape", "optimizers", "record")),
            (lambda: problems(self), ("landscape", "init", "noise", "optimizers", "record", "zip")),
            (lambda: wrong_formulas(self), ("landscape", "init", "noise", "optimizers", "steps", "zip")),
        ]

    def _of_the_whole(self) -> "list[Check]":
        """The other checks."""
        return [
            (self._check_zip, ("zip", "optimizers", *PARTS)),
            (lambda: wrong_probes(self), ("probes", "landscape", "optimizers", "record", "steps", "branch")),
            (self._check_claims, ("claims", "optimizers", "record", "steps", "probes", *PARTS)),
            (self._check_times, ("record", "steps", "branch")),
        ]

    def _check_times(self) -> Iterator[str]:
        for name, steps in (("at", self.record.at), ("state", self.record.state)):
            if steps and max(steps) > self.steps:
                yield f"record.{name}: step {max(steps)} lies beyond the {self.steps} steps of the study"
        if self.branch and (last := max(self.branch.steps)) >= self.steps:
            yield f"branch.at: no step is left after step {last} of {self.steps}; give more `steps`"

    def _check_components(self) -> Iterator[str]:
        """Vectors given per component have as many entries as what they are given to: the landscape, or one of its variables."""
        lands = self.landscapes()
        starts = self.init.of if isinstance(self.init, ByVariable) else {"": self.init}
        given = {
            (f"init.{name}".rstrip("."), field, name): getattr(one, field, None) for name, one in starts.items() for field in ("at", "mean")
        }
        if isinstance(self.noise, (Gaussian, StudentT)):
            given["noise", "components", ""] = self.noise.components
        for (part, field, name), value in given.items():
            sizes = {math.prod(land.places[name][1]) if name in land.places else land.size for land in lands}
            if isinstance(value, tuple) and sizes != {len(value)} and (not name or name in self.landscape.places):
                found = ", ".join(map(str, sorted(sizes)))
                yield f"{part}.{field}: {len(value)} components given, {name or f'the landscape {self.landscape.kind}'} has {found}"

    def _check_recorded(self) -> Iterator[str]:
        for name in self.record.names or ():
            if why := why_not(self, name):
                if why == NO_VARIABLE:
                    names = known(self)
                    yield f"record.variables: there is no variable '{name:.60}'{suggest(name, names)} (known: {', '.join(names)})"
                else:
                    yield f"record.variables: {name} {why}"

    def _check_claims(self) -> Iterator[str]:
        known = {o.name: self.claim_names(o) for o in self.optimizers} if self.claims else {}
        return wrong_claims(self.claims, known, self.optimizers[0].name, self.steps)

    def claim_names(self, optimizer: Optimizer) -> set[tuple[str, ...]]:
        """What a claim about this optimizer's runs may name, as paths; `schedule.decay` is also `decay`, where nothing else is."""
        blocks = self.landscape.blocks
        stored = {name for variable in recorded(self, optimizer) for name in variable.arrays(blocks)}
        if self.record.stats:
            stored = {f"{name}_{kind}" for name in stored for kind in ("mean", "var", "quantile")} | {"final_loss", "count"}
        made = {(name,) for name in (*stored, *OWN_NAMES)} | claimed(self, optimizer)
        for path, _, _ in optimizer.fields():
            made |= {path} if path[0] == "lr_scale" else {path, path[-1:]}  # the last part of that is the name of a variable
        made |= {(name,) for name in self.swept_parts()}
        for part in PARTS:
            owner = self.start() if part == "init" else getattr(self, part)
            for one in values_of(owner):
                made |= {found for path, _, _ in one.fields() for found in (path, (part, *path), path[-1:])}
        return made

    def _check_zip(self) -> Iterator[str]:
        sweeps = self.sweeps()
        seen: set[str] = set()
        for together in self.zip:
            for name in together:
                if name in seen:
                    yield f"zip: '{name:.60}' is named twice"
                seen.add(name)
                if name not in sweeps:
                    known = ", ".join(sweeps) or "nothing is swept"
                    yield f"zip: '{name:.60}' is not a swept field{suggest(name, sweeps)} (swept: {known})"
            lengths = {name: len(sweeps[name]) for name in together if name in sweeps}
            if len(set(lengths.values())) > 1:
                yield f"zip: sweeps of different lengths: {', '.join(f'{k} has {v}' for k, v in lengths.items())}"

    def to_yaml(self) -> str:
        """The study as the text of a study file, without what is as by default: reading it gives an equal study. Files that it names keep the
        absolute `root` that they were read from.

        >>> print(Study.model_validate({"name": "tiny", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 10}).to_yaml())
        name: tiny
        landscape: {kind: himmelblau}
        optimizers:
        - {kind: sgd}
        steps: 10
        <BLANKLINE>
        """
        return to_yaml(plain(self))

    def start(self) -> Init:
        """The study's init, or the landscape's own; of several the first."""
        return resolved(self.init) or self.landscape.start()

    def swept_parts(self) -> dict[str, Sweep]:
        """The parts of which several were given, and the precision, by name: each is a dimension."""
        return {name: value for name in WHOLE_PARTS if isinstance(value := getattr(self, name), Sweep)}

    def variants(self) -> "list[Study]":
        """Studies in which every part is one, that have between them every combination of the study's own, and every one of each optimizer's; itself
        where no part is swept."""
        own: list[dict[str, Any]] = [{}]
        for name, sweep in self.swept_parts().items():
            own = [{**one, name: value} for one in own for value in sweep.values]
        each = [variants_of(optimizer) for optimizer in self.optimizers]
        longest = max(map(len, each))
        if own == [{}] and longest == 1:
            return [self]
        if len(own) * longest > MAX_VARIANTS:
            raise ValueError(f"{len(own) * longest:,} combinations of parts; at most {MAX_VARIANTS:,} are allowed")
        rows = [tuple(found[min(k, len(found) - 1)] for found in each) for k in range(longest)]
        return [self.model_copy(update={**one, "optimizers": row}) for one in own for row in rows]

    def with_labels(self, labels: Mapping[str, Any]) -> "Study":
        """The study with one of its swept parts each: those that the store calls by these labels."""
        swept = self.swept_parts()
        found = {name: swept[name].values[swept[name].labels.index(label)] for name, label in labels.items() if name in swept}
        return self.model_copy(update=found) if found else self

    @property
    def first(self) -> int:
        """The step that runs begin at: 0, or the first one at which the study branches from another."""
        return min(self.branch.steps) if self.branch else 0

    @property
    def noise_root(self) -> int:
        """The root seed of all randomness along the way: noise, batches, optimizers. Of its own where `noise_seed` is one number."""
        if not isinstance(self.noise_seed, int):
            return self.root_seed
        return mixed(self.root_seed, self.noise_seed)

    def landscapes(self) -> list[Landscape]:
        """The landscape once for every combination of its structural sweeps; one for most studies."""
        return list(self.landscape.variants) or [self.landscape]

    def sweeps(self) -> dict[str, Sweep]:
        """Every sweep by its dotted name: `landscape.sharpness`, `noise.scale`, `adam.lr`, `adam.schedule.decay`."""
        parts: list[tuple[str, Any]] = [(name, getattr(self, name)) for name in PARTS if isinstance(getattr(self, name), Spec)]
        parts += [(o.name, o) for o in self.optimizers]
        return self.swept_parts() | {".".join((owner, *path)): sweep for owner, part in parts for path, (sweep, _) in part.swept().items()}


def variants_of(optimizer: Optimizer) -> list[Optimizer]:
    """An optimizer once for each combination of its swept parts: schedules, ways to clip, averages."""
    made = [optimizer]
    for path, (sweep, _) in optimizer.swept().items():
        if sweep.of_parts:
            made = [one.replace({path: value}) for one in made for value in sweep.values]
    return made


def mixed(root_seed: int, noise_seed: int) -> int:
    """A root seed for every pair of these: both lie anywhere below 2^63, so they go through SplitMix64's finalizer one after the other
    (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195)."""
    mask = (1 << 64) - 1
    z = root_seed
    for word in (0x9E3779B97F4A7C15, noise_seed + 1):
        z = (z + word) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
    return z >> 1


def refused(data: Any, error: ValidationError) -> SpecError:
    """What is wrong with data that are no study."""
    found = what_is_wrong(data, error, Study.model_fields)
    return SpecError([f"study: {dotted(path)}{': ' if path else ''}{message}" for path, message in found])
