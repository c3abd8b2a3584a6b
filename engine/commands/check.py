"""thalweg check."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ...specs.text import printable
from ..cores import cores
from ..text.sizes import bytes_for_people, duration
from ..text.tables import Column, Table, console
from ._options import Outside, Settings
from ._say import command, say, to_look_at

if TYPE_CHECKING:
    from ..store.integrity import Finding


def check(
    spec: Annotated[str, typer.Argument(metavar="SPEC|STORE", help="A study, bundled or a path; or a store, all of which is then read.")],
    settings: Settings = None,
    outside: Outside = False,
    device: Annotated[str, typer.Option(help="Plan for auto, cpu or cuda.")] = "auto",
    repair: Annotated[bool, typer.Option("--repair", help="Of a store: have `run --resume` compute damaged shards again.")] = False,
) -> None:
    """Validate a study and print its plan (nothing runs, nothing is written); or verify that a store is whole."""
    from ..store.lock import is_store

    if is_store(spec):
        check_store(spec, repair)
        return
    from rich.text import Text
    from rich.tree import Tree

    from ...specs.compatibility import remarks
    from ..api import check as check_study
    from ..api import load_study
    from ..claims.trial import try_claims
    from ..executors.array.rule import why_called
    from ..executors.choose import choose
    from ..executors.cuda.device import described, runs_at_once
    from ..executors.memory import of_shard
    from ..plan import with_runs_at_once
    from ..runner.forecast import forecast

    def line(text: str, bold: str = "") -> Text:
        return Text.assemble((printable(bold), "bold"), printable(text))

    plan = check_study(load_study(spec, settings or (), outside=outside))
    try_claims(plan.study)
    choices = {group.name: choose(group, "auto", device) for group in plan.groups}
    there = [group for group in plan.groups if choices[group.name].executor.device == "cuda"]
    plan = with_runs_at_once(plan, {group.name: runs_at_once(group) for group in there})
    study = plan.study
    tree = Tree(line(f" {study.title}", study.name))
    tree.add(line(f"landscape {study.landscape.kind}, {study.landscape.size} components, noise {study.noise.kind}, {study.precision}"))
    for group in plan.groups:
        sizes = " x ".join([*(f"{d.name} {d.size}" for d in group.dims), f"seed {study.seeds}"])
        branch = tree.add(line(f": {sizes} = {group.runs:,} runs x {study.steps:,} steps", group.name))
        shards = sum(1 for _ in group.shards()) if group.runs < 10**8 else "many"
        branch.add(line(f"{shards} shard{'s' * (shards != 1)} of {' x '.join(map(str, group.chunk))} runs"))
        choice = choices[group.name]
        for name, said in remarks(study, group.optimizer).items():
            branch.add(line(f"{name}: {said}"))
        branch.add(line(f"executor {choice.name}{f' ({choice.reason})' * bool(choice.reason)}"))
        if choice.executor.kind == "array" and (why := why_called(next(group.shards()))):
            branch.add(line(f"rule called on NumPy arrays as it stands, one sweep point after the other: {why}"))
        what = f"{', '.join(group.statistics)} over the seeds of " * bool(group.statistics) + ", ".join(group.recorded)
        branch.add(line(f"stores {what} at {len(group.steps):,} steps: up to {bytes_for_people(group.bytes)}"))
    tree.add(line(f"device {described(device, bool(there))}"))
    needed = max(of_shard(group, choices[group.name].name, cores()) for group in plan.groups)
    began = time.process_time()  # what a run, too, takes before it begins
    expected = forecast(plan, {group.name: choose(group).executor for group in plan.groups})
    took, once = duration(began + expected.run), f", and {duration(expected.compiling)} to compile kernels, once" * (expected.compiling > 0)
    tree.add(line(f"in all {plan.runs:,} runs, {plan.work:,} optimizer steps, about {took}{once}{' on the CPU' * bool(there)}"))
    tree.add(
        line(
            f"{bytes_for_people(plan.bytes)} on disk before compression, about {bytes_for_people(needed)} of memory a shard that runs at a time"
        )
    )
    console().print(tree)
    given = [word for setting in settings or () for word in ("--set", setting)] + ["--allow-outside"] * outside
    say(f"next: {command('run', spec, *given)}")


def check_store(store: str, repair: bool) -> None:
    """Print what is complete and what is damaged; exits with 1 if anything is."""
    from ..store.integrity import examine

    findings = examine(store, repair)
    console().print(table(findings))
    unfinished, damaged = sum(f.shards - f.done for f in findings), sum(len(f.damaged) for f in findings)
    if damaged and not repair:
        say(f"{damaged} damaged; mark them for another run with: {command('check', store, '--repair')}")
    elif damaged or unfinished:
        say(f"{unfinished + damaged} shards to do; finish them with: {command('run', store, '--resume')}")
    else:
        say(f"whole; next: {to_look_at(store)}")
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
