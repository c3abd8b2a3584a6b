"""Studies of stages: checked as a whole before anything runs, then run one stage after the other into one store."""

import dataclasses
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...specs.errors import SpecError, StoreError
from ...specs.init import Mix
from ...specs.stages import Stage, Stages
from ...specs.study import Study
from ..executors.choose import array_simulation
from ..plan import Group, Plan, plan
from ..store import staged
from ..store.lock import exists, is_store, locked
from ..store.matched import places
from .branch import check_states, matched
from .options import RunOptions


@dataclass(frozen=True)
class Planned:
    """The groups of a stage that has not run yet, as `matched` asks a store for them."""

    groups: dict[str, Group]
    target: str


def alone(study: Study) -> Study:
    """A study of the same size that needs no other stage: what a stage takes can be told before the others have run."""
    changed: dict[str, Any] = {}
    if study.branch is not None:
        changed |= {"branch": None, "steps": study.steps - study.first, "record": _shortened(study)}
    if isinstance(study.init, Mix):
        changed["init"] = None
    if stored := study.landscape.stored:  # random arrays of these shapes cost the same
        draws = {name: f"normal({', '.join(map(str, used.shape))})" for name, used in stored.items()}
        changed["landscape"] = study.landscape.replace({("uses",): {}, ("draws",): {**getattr(study.landscape, "draws", {}), **draws}})
    return study.model_copy(update=changed)


def _shortened(study: Study) -> Any:
    """The study's records in as many steps as are left to it."""
    record, left = study.record, study.steps - study.first
    return record.model_copy(
        update={
            "state": tuple(t - study.first for t in record.state if t >= study.first),
            "at": None
            if record.at is None
            else tuple(t - study.first for t in record.at if study.first <= t <= left + study.first) or (left,),
        }
    )


def check_stages(stages: Stages) -> list[Plan]:
    """The plan of every stage, after all that can be known before anything runs. Raises SpecError with every problem."""
    plans: dict[str, Plan] = {}
    problems = []
    for stage in stages.stages:
        try:
            plans[stage.name] = plan(stage.study)
            check_stage(stage, plans)
        except (SpecError, StoreError) as error:
            problems += [f"{stages.part} {stage.name}: {problem}" for problem in getattr(error, "problems", (str(error),))]
            if stage.name not in plans:
                break
    if problems:
        raise SpecError(problems)
    return list(plans.values())


def check_stage(stage: Stage, plans: dict[str, Plan]) -> None:
    """Raises SpecError or StoreError where a stage does not fit those whose runs it goes on from."""
    study = stage.study
    known = {name: Planned({group.name: group for group in made.groups}, name) for name, made in plans.items()}
    for group in plans[stage.name].groups:
        for shard in group.shards():
            if study.branch is not None:
                there, _, _ = matched(shard.resolved, known[study.branch.store])
                check_states(group, there)
            for one in study.init.of if isinstance(study.init, Mix) else ():
                if not isinstance(one, str):
                    there = from_where(known[one.store], one.group, group.name)
                    if (mine := shard.parts().landscape.size) != (theirs := there.landscapes[0].size):
                        raise SpecError(f"init: {one.store} has points of {theirs} components; the landscape has {mine}")
                    check_seeds(there, group, one)
                    for dim in there.dims:
                        places(shard, dim, one.store)
            for used in study.landscape.stored.values():
                there = from_where(known[used.store], used.group, group.name)
                check_seeds(there, group, used)
                for dim in there.dims:
                    places(shard, dim, used.store)
    for group in plan(alone(study)).groups:
        array_simulation(next(next(group.shards()).split())).start()


def from_where(other: Planned, wanted: str, mine: str) -> Group:
    """The group of another stage whose parameters are taken."""
    name = wanted or (mine if mine in other.groups or len(other.groups) != 1 else next(iter(other.groups)))
    if name not in other.groups:
        raise SpecError(
            f"{other.target}: has no group {name} (it has {', '.join(other.groups)}); name one: {other.target}.{next(iter(other.groups))}"
        )
    return other.groups[name]


def check_seeds(there: Group, mine: Group, stored: Any) -> None:
    """Raises SpecError unless the other stage has a run of every seed."""
    needed = mine.study.seeds if stored.seed is None else stored.seed + 1
    if needed > there.study.seeds:
        raise SpecError(f"seeds: {needed}, and {stored.store} has runs of {there.study.seeds}")


def run_stages(
    stages: Stages,
    out: "str | Path",
    options: RunOptions,
    run: Callable[..., Any],
    progress: Callable[[Study], AbstractContextManager[Any]] = lambda study: nullcontext(),
    some: Stages | None = None,
) -> None:
    """Run every stage that is not complete, in order, into one store.

    Parameters
    ----------
    stages
        The stages, checked.
    out
        The store, a path or URL; each stage is a store of its own in it.
    options
        As of a run.
    run
        What runs one study: run(study, out, options, progress).
    progress
        Makes the progress that is told of one stage.
    some
        Those to run now; by default all.

    Raises
    ------
    SpecError, StoreError, RunError
        As of a run.
    """
    with locked(out):
        if options.resume and exists(out):
            staged.resume(out, stages)
        else:
            staged.create(out, stages, options.overwrite)
        for stage in (some or stages).stages:
            place = staged.place_of(out, stage.name)
            if is_store(place) and staged.open_root(place).attrs.get("complete") and options.resume:
                continue
            own = dataclasses.replace(options, resume=options.resume, overwrite=not options.resume)
            study = staged.located(stage.study, out)
            with progress(study) as told:
                run(study, place, own, told)
        staged.finish(out)


def in_memory(stages: Stages, options: RunOptions, run: Callable[..., Any], progress: Any) -> Any:
    """Run all stages and return their results, loaded, as an xarray.DataTree; the store is thrown away."""
    import xarray

    from ..store.open import open_tree

    with tempfile.TemporaryDirectory(prefix="thalweg-") as folder:
        out = Path(folder) / f"{stages.name}.zarr"
        run_stages(stages, out, options, run, progress)
        tree = open_tree(out)
        loaded = xarray.DataTree.from_dict({node.path: node.to_dataset(inherit=False).load() for node in tree.subtree})
        tree.close()
        return loaded
