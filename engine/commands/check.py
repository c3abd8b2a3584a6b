"""thalweg check."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ...specs.text import printable
from ..cores import cores
from ..text.sizes import bytes_for_people, duration
from ..text.tables import Column, Table, console
from ._options import Outside, Settings
from ._say import command, say, to_look_at

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from ...specs.stages import Stages
    from ..plan import Plan
    from ..store.integrity import Finding


def check(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC|STORE", help="A study (a path or a bundled name), or a store, which is then read completely.")
    ],
    settings: Settings = None,
    outside: Outside = False,
    device: Annotated[str, typer.Option(help="Plan for auto, cpu or cuda.")] = "auto",
    repair: Annotated[
        bool, typer.Option("--repair", help="For a store: mark damaged shards, so that `run --resume` computes them again.")
    ] = False,
) -> None:
    """Validate a study and print its plan without running it, or verify that a store is complete and undamaged."""
    from ..store.lock import is_store

    if is_store(spec):
        check_store(spec, repair)
        return
    from rich.tree import Tree

    from ...specs.load import load
    from ...specs.stages import Stages

    loaded, began = load(spec, settings or (), outside=outside), time.process_time()
    if isinstance(loaded, Stages):
        tree, bottom = tree_of_stages(loaded, device)
    else:
        from ..api import check as check_study
        from ..claims.trial import try_claims

        plan = check_study(loaded)
        try_claims(loaded)
        tree = Tree(line(f" {loaded.title}", loaded.name))
        bottom = [describe(tree, plan, device)]
    for text in in_all(bottom, device, began):
        tree.add(line(text))
    console().print(tree)
    given = [word for setting in settings or () for word in ("--set", setting)] + ["--allow-outside"] * outside
    say(f"next: {command('run', spec, *given)}")


@dataclass(frozen=True)
class Totals:
    """What a study takes in all: runs, optimizer steps, seconds of the run and of compiling, bytes on disk and of memory; whether a device has part in it."""

    runs: int
    work: int
    run: float
    compiling: float
    bytes: int
    memory: int
    on_device: bool


def line(text: str, bold: str = "") -> "Text":
    """A line of the tree."""
    from rich.text import Text

    return Text.assemble((printable(bold), "bold"), printable(text))


def describe(tree: "Tree", plan: "Plan", device: str, tried: "Plan | None" = None) -> Totals:
    """Add a study's plan to the tree.

    Parameters
    ----------
    tree
        Where its lines go.
    plan
        The plan.
    device
        auto, cpu or cuda.
    tried
        What is tried in its place, of a stage whose runs begin where others are that have not been run.

    Returns
    -------
    What it takes in all.
    """
    from ...specs.compatibility import remarks
    from ...specs.sweep import values_of
    from ..executors.array.rule import why_called
    from ..executors.choose import choose
    from ..executors.cuda.device import runs_at_once
    from ..executors.layouts import layout
    from ..executors.memory import of_shard
    from ..plan import with_runs_at_once
    from ..runner.forecast import forecast
    from ..store.look import looks

    tried = tried or plan
    stand_in = {group.name: group for group in tried.groups}
    choices = {group.name: choose(stand_in[group.name], "auto", device) for group in plan.groups}
    there = [group for group in plan.groups if choices[group.name].executor.device == "cuda"]
    plan = with_runs_at_once(plan, {group.name: runs_at_once(group) for group in there})
    study = plan.study
    noise, precision = (" or ".join(found) for found in ([one.kind for one in values_of(study.noise)], values_of(study.precision)))
    tree.add(line(f"landscape {study.landscape.kind}, {study.landscape.size} components, noise {noise}, {precision}"))
    for group in plan.groups:
        sizes = " x ".join([*(f"{d.name} {d.size}" for d in group.dims), f"seed {study.seeds}"])
        length = f"to step {study.steps:,}" if study.branch else f"x {study.steps:,} steps"
        branch = tree.add(line(f": {sizes} = {group.runs:,} runs {length}", group.name))
        shards = sum(1 for _ in group.shards()) if group.runs < 10**8 else "many"
        branch.add(line(f"{shards} shard{'s' * (shards != 1)} of {' x '.join(map(str, group.chunk))} runs"))
        choice = choices[group.name]
        for name, said in remarks(study, group.optimizer).items():
            branch.add(line(f"{name}: {said}"))
        branch.add(
            line(f"executor {choice.name}{layout(stand_in[group.name], choice.executor)}{f' ({choice.reason})' * bool(choice.reason)}")
        )
        if choice.executor.kind == "array" and (why := why_called(next(stand_in[group.name].shards()))):
            branch.add(line(f"the rule is called directly on NumPy arrays, one sweep point after another: {why}"))
        for look in looks(group):
            pieces = sum(1 for _ in look.pieces()) if math.prod(look.sizes.values()) < 10**6 else "many"
            branch.add(
                line(f"probe {look.probe.name}: {look.probe.kind} at {len(look.steps):,} steps, in {pieces} piece{'s' * (pieces != 1)}")
            )
        what = f"{', '.join(group.statistics)} over the seeds of " * bool(group.statistics) + ", ".join(group.recorded)
        branch.add(line(f"stores {what} at {len(group.steps):,} steps: up to {bytes_for_people(group.bytes)}"))
    needed = max(of_shard(group, choices[group.name].name, cores()) for group in tried.groups)
    expected = forecast(tried, {group.name: choose(group).executor for group in tried.groups})
    return Totals(plan.runs, plan.work, expected.run, expected.compiling, plan.bytes, needed, bool(there))


def tree_of_stages(stages: "Stages", device: str) -> "tuple[Tree, list[Totals]]":
    """The stages as a tree, each below the one that it is from."""
    from rich.tree import Tree

    from ..claims.trial import try_claims_across
    from ..plan import plan
    from ..runner.stages import alone, check_stages

    plans = check_stages(stages)
    try_claims_across(stages)
    tree, totals = Tree(line(f" {stages.title}", stages.name)), []
    nodes: dict[str, Tree] = {}
    for stage, planned in zip(stages.stages, plans, strict=True):
        nodes[stage.name] = nodes.get(stage.origin, tree).add(line(f" {stage.whence}", stage.name))
        totals.append(describe(nodes[stage.name], planned, device, plan(alone(stage.study))))
    if stages.claims:
        tree.add(line(f"{len(stages.claims)} claims across {stages.part}s"))
    return tree, totals


def in_all(totals: "list[Totals]", device: str, began: float) -> "Iterator[str]":
    """What all takes together, in lines; a run, too, takes `began` seconds before it begins."""
    from ..executors.cuda.device import described

    there = any(t.on_device for t in totals)
    yield f"device {described(device, there)}"
    run, compiling = began + sum(t.run for t in totals), sum(t.compiling for t in totals)
    took, once = duration(run), f", and {duration(compiling)} to compile kernels, once" * (compiling > 0)
    runs, work = sum(t.runs for t in totals), sum(t.work for t in totals)
    yield f"in total {runs:,} runs, {work:,} optimizer steps, about {took}{once}{' on the CPU' * there}"
    disk, memory = bytes_for_people(sum(t.bytes for t in totals)), bytes_for_people(max(t.memory for t in totals))
    yield f"{disk} on disk before compression, about {memory} of memory for each shard that runs at a time"


def check_store(store: str, repair: bool) -> None:
    """Print what is complete and what is damaged; exits with 1 if anything is."""
    from ..store.integrity import examine
    from ..store.staged import place_of, stage_names

    findings = []
    if names := stage_names(store):
        for name in names:
            findings += [replace(found, group=f"{name}/{found.group}") for found in examine(place_of(store, name), repair)]
    else:
        findings = examine(store, repair)
    console().print(table(findings))
    unfinished, damaged = sum(f.shards - f.done for f in findings), sum(len(f.damaged) for f in findings)
    if damaged and not repair:
        say(f"{damaged} damaged; mark them for another run with: {command('check', store, '--repair')}")
    elif damaged or unfinished:
        say(f"shards left to compute: {unfinished + damaged}; compute them with: {command('run', store, '--resume')}")
    else:
        say(f"complete and undamaged; next: {to_look_at(store)}")
    if damaged or unfinished:
        raise typer.Exit(1)


def table(findings: "list[Finding]") -> Table:
    """What was found of each group as a table for the terminal."""
    columns = (
        Column("group", [f.group for f in findings], name=True),
        Column("shards", [f"{f.shards:,}" for f in findings]),
        Column("complete", [f"{f.done:,}" for f in findings]),
        Column("read", [bytes_for_people(f.bytes) for f in findings], minor=True),
        Column("damaged", [f"{len(f.damaged):,}" for f in findings]),
    )
    return Table(columns, note="\n".join(f"{f.group}: {f.damaged[0][1]}" for f in findings if f.damaged))
