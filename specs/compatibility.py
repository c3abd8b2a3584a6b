"""Whether the parts of a study go together: what would crash in a run, or silently do nothing, is refused when the study is read.

One function a rule. Each yields its problems as messages that begin with the part of the study they are about.
"""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .errors import SpecError, suggest
from .init import ByVariable, FanIn, File, Normal, Orthogonal, Point, Solution, Uniform
from .landscapes.base import Landscape
from .noise import SAMPLED, Gaussian, Minibatch, Online, StudentT
from .reserved import CLAIM_WORDS, STATISTICS, VARIABLES, folder_problem, listed, reserved, same_but_for_case
from .sweep import Sweep, values_of

if TYPE_CHECKING:
    from .optimizer import Optimizer
    from .study import Study

PARTS = ("landscape", "init", "noise")
"""What all optimizers of a study share."""


def problems(study: "Study") -> Iterator[str]:
    """Everything about this study that does not go together."""
    for rule in RULES:
        yield from rule(study)


def remarks(study: "Study", optimizer: "Optimizer") -> dict[str, str]:
    """What an optimizer does not act on though the study is sound, by the name of an attribute of its group in the store."""
    made = optimizer.remarks(study.landscape.blocks)
    kinds = [noise.kind for noise in values_of(study.noise) if disturbs(noise)]
    if kinds and not optimizer.sees_gradients:
        made["noise"] = f"{' or '.join(kinds)} noise acts on gradients, which {optimizer.name} does not use"
    return made


def samples(study: "Study") -> Iterator[str]:
    """Noise made of samples needs a landscape that has some."""
    noise, lands = study.noise, study.landscapes()
    if isinstance(noise, Minibatch) and not all(land.batch_count() for land in lands):
        yield f"noise: minibatch needs a landscape made of data, and {study.landscape.kind} is not{without_samples(study.landscape)}"
    if isinstance(noise, Online) and not all(land.sample_size for land in lands):
        yield f"noise: online needs a landscape with a distribution of samples, and {study.landscape.kind} has none"
    if isinstance(noise, SAMPLED):
        for land, size in itertools.product(lands, values_of(noise.size)):
            try:
                land.check_batch(size, isinstance(noise, Online))
            except SpecError as error:
                yield f"landscape.{error} (in a batch of {size})"
    if isinstance(noise, Minibatch) and (without := [s for s in values_of(noise.sampling) if s != "replacement"]):
        size, count = max(values_of(noise.size)), min(land.batch_count() for land in lands)
        if count and size > count:
            yield f"noise: sampling: {without[0]} takes each sample once per epoch, so size is at most the number of samples, {count}; given: {size}"


def without_samples(landscape: Landscape) -> str:
    """A hint where the landscape could have samples, or has those of another noise."""
    if isinstance(getattr(landscape, "samples", None), dict) and landscape.sample_size:
        return ": its samples are new at every step; use online noise"
    return " with samples: 0; give it samples" if "samples" in type(landscape).model_fields and landscape.sample_size else ""


def unseen_noise(study: "Study") -> Iterator[str]:
    """A sweep over noise in gradients that no optimizer sees: every point would have the same bits."""
    if disturbs(study.noise) and study.noise.swept() and not any(o.sees_gradients for o in study.optimizers):
        names = ", ".join(o.name for o in study.optimizers)
        field = ".".join(next(iter(study.noise.swept())))
        yield f"noise: {field} is swept, and {study.noise.kind} noise acts on gradients, which no optimizer here uses ({names}); leave it out"


def disturbs(noise: Any) -> bool:
    """Whether this noise is added to gradients."""
    return isinstance(noise, (Gaussian, StudentT)) and noise.scale != 0


def blocks(study: "Study") -> Iterator[str]:
    """Optimizers that act on parameter blocks of some shape."""
    for optimizer in study.optimizers:
        for land in study.landscapes():
            if why := optimizer.with_sizes(land.named_sizes).unfit(land.blocks):
                shapes = ", ".join(f"{name} ({' x '.join(map(str, shape))})" for name, shape in land.blocks.items())
                yield f"optimizers: {optimizer.name} cannot act on {land.kind}, whose blocks are {shapes}: {why}"
                break


def rates(study: "Study") -> Iterator[str]:
    """Factors on the learning rates of variables that there are."""
    for k, optimizer in enumerate(study.optimizers):
        for name in optimizer.lr_scale:
            if name not in study.landscape.places:
                yield f"optimizers[{k}].lr_scale.{name}: {no_variable(study.landscape, name)}"


def clipping(study: "Study") -> Iterator[str]:
    """Clipping needs a gradient."""
    for optimizer in study.optimizers:
        if optimizer.clip is not None and not optimizer.sees_gradients:
            yield f"optimizers: {optimizer.name}: clip acts on gradients, and {optimizer.kind} uses only values; leave clip out"


def starts(study: "Study") -> Iterator[str]:
    """Starts that the landscape does not have, and particles that would start on one point and stay there."""
    init, kind = study.start(), study.landscape.kind
    if any(isinstance(one, Solution) for one in every_start(study)) and type(study.landscape).solution is Landscape.solution:
        yield f"init: solution: the landscape {kind} has no planted solution to start at"
    matrices = any(len(shape) > 1 for land in study.landscapes() for shape in land.blocks.values())
    if isinstance(init, (FanIn, Orthogonal)) and not matrices:
        yield f"init: {init.kind} draws matrices and sets vectors to 0, and {kind} has no matrix; use normal"
    for name, one in init.of.items() if isinstance(init, ByVariable) else ():
        if name not in study.landscape.places:
            yield f"init.{name}: {no_variable(study.landscape, name)}"
        elif isinstance(one, (FanIn, Orthogonal)) and len(study.landscape.places[name][1]) < 2:
            yield f"init.{name}: {one.kind} draws matrices, and {name} is not one; use normal or point"
    for optimizer in study.optimizers:
        if optimizer.needs_spread_start and all(map(together, every_start(study))):
            yield f"init: the particles of {optimizer.name} would all start at one point and stay there; use normal, uniform or sphere"


def every_start(study: "Study") -> list[Any]:
    """The study's start, or those of all variables where each has its own."""
    init, land = study.start(), study.landscape
    if not isinstance(init, ByVariable):
        return [init]
    return [*init.of.values(), *([] if set(land.places) <= set(init.of) else [land.start()])]


def no_variable(landscape: Landscape, name: str) -> str:
    """That a landscape has no variable of this name."""
    known = landscape.places
    return f"the landscape {landscape.kind} has no variable '{name:.60}'{suggest(name, known)} (known: {', '.join(known)})"


def together(init: Any) -> bool:
    """Whether all particles of a run start at one point."""
    match init:
        case Point() | File():
            return True
        case Normal() | Solution():
            return 0 in values_of(init.std)
        case FanIn() | Orthogonal():
            return 0 in values_of(init.gain)
        case Uniform():
            return not isinstance(init.low, Sweep) and init.low == init.high
    return False


def observables(study: "Study") -> Iterator[str]:
    """Names of observables become arrays in the store and words of claims."""
    names = study.landscape.observable_names
    for name in names:
        if reserved(name):
            yield f"landscape: an observable cannot be called '{name}'; stores and claims use the names {listed()} themselves"
        elif why := folder_problem(name):
            yield f"landscape: an observable cannot be called '{name}': {why}"
        elif study.record.stats and any(name.removesuffix(end) in names for end in STATISTICS if name.endswith(end)):
            yield f"landscape: an observable cannot be called '{name}' where statistics are stored: it names a statistic of another observable"
    if twice := same_but_for_case(names):
        yield f"landscape: the observables '{twice[0]}' and '{twice[1]}' differ in case only; some file systems cannot tell them apart"


def parameters(study: "Study") -> Iterator[str]:
    """A claim names a landscape's parameters as it names variables, and a swept one becomes an array."""
    names = [path[-1] for path, _, _ in study.landscape.fields() if path[0] == "parameters"]
    for name in names:
        if name in VARIABLES or name in CLAIM_WORDS:
            yield f"landscape.parameters: none can be called '{name}'; claims use the names {', '.join((*VARIABLES, *CLAIM_WORDS))} themselves"
        elif name in study.landscape.observable_names:
            yield f"landscape.parameters: '{name}' is also the name of an observable; a claim could not tell them apart"


def sweeps(study: "Study") -> Iterator[str]:
    """Swept fields become arrays."""
    if twice := same_but_for_case(study.sweeps()):
        yield f"optimizers: the swept fields '{twice[0]}' and '{twice[1]}' differ in case only; some file systems cannot tell them apart"


def labels(study: "Study") -> Iterator[str]:
    """Names of groups."""
    names = [o.name for o in study.optimizers]
    for name in names:
        if name in PARTS:
            yield f"optimizers: an optimizer cannot be called '{name}', which is a part of the study; give it another `label`"
    if (twice := same_but_for_case(names)) and twice[0] != twice[1]:
        yield f"optimizers: the labels '{twice[0]}' and '{twice[1]}' differ in case only; some file systems cannot tell them apart"


RULES = (labels, samples, unseen_noise, blocks, rates, clipping, starts, observables, parameters, sweeps)
