"""thalweg check."""

import os
import time
from typing import Annotated

import typer

from .options import Outside, Settings
from .terminal import duration


def check(
    spec: Annotated[str, typer.Argument(metavar="SPEC|STORE", help="A study, bundled or a path; or a store, all of which is then read.")],
    settings: Settings = None,
    outside: Outside = False,
    device: Annotated[str, typer.Option(help="Plan for auto, cpu or cuda.")] = "auto",
    repair: Annotated[bool, typer.Option("--repair", help="Of a store: have `run --resume` compute damaged shards again.")] = False,
) -> None:
    """Validate a study and print its plan (nothing runs, nothing is written); or verify that a store is whole."""
    from ..places import is_store

    if is_store(spec):
        check_store(spec, repair)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.tree import Tree

    from ..api import check as check_study
    from ..api import load_study
    from ..executors.choose import DEVICE, choose
    from ..executors.device import described, runs_at_once
    from ..forecast import forecast
    from ..memory import of_shard
    from ..plan import refit
    from ..store import nice_bytes

    plan = check_study(load_study(spec, settings or (), outside=outside))
    choices = {group.name: choose(group, "auto", device) for group in plan.groups}
    there = [group for group in plan.groups if choices[group.name].name.endswith(DEVICE)]
    plan = refit(plan, {group.name: runs_at_once(group) for group in there})
    study = plan.study
    tree = Tree(f"[bold]{study.name}[/] {study.title}")
    tree.add(f"landscape {study.landscape.kind}, {study.landscape.size} components, noise {study.noise.kind}, {study.precision}")
    for group in plan.groups:
        sizes = " x ".join([*(f"{d.name} {d.size}" for d in group.dims), f"seed {study.seeds}"])
        branch = tree.add(f"[bold]{group.name}[/]: {sizes} = {group.runs:,} runs x {study.steps:,} steps")
        shards = sum(1 for _ in group.shards()) if group.runs < 10**8 else "many"
        branch.add(f"{shards} shard{'s' * (shards != 1)} of {' x '.join(map(str, group.chunk))} runs")
        choice = choices[group.name]
        branch.add(f"executor {choice.name}{f' ({choice.reason})' * bool(choice.reason)}")
        what = f"{', '.join(group.statistics)} over the seeds of " * bool(group.statistics) + ", ".join(group.recorded)
        branch.add(f"stores {what} at {len(group.steps):,} steps: up to {nice_bytes(group.bytes)}")
    tree.add(f"device {escape(described(device, bool(there)))}")
    needed = max(of_shard(group, choices[group.name].name, os.cpu_count() or 1) for group in plan.groups)
    began = time.process_time()  # what a run, too, takes before it begins
    expected = forecast(plan, {group.name: choose(group).name for group in plan.groups})
    took, once = duration(began + expected.run), f", and {duration(expected.compiling)} to compile kernels, once" * (expected.compiling > 0)
    tree.add(f"in all {plan.runs:,} runs, {plan.work:,} optimizer steps, about {took}{once}{' on the CPU' * bool(there)}")
    tree.add(f"{nice_bytes(plan.bytes)} on disk before compression, about {nice_bytes(needed)} of memory a shard that runs at a time")
    Console(soft_wrap=True, width=240).print(tree)  # a tree crops its lines at the width; the terminal wraps them
    print(f"next: thalweg run {spec}")


def check_store(store: str, repair: bool) -> None:
    """Print what is complete and what is damaged; exits with 1 if anything is."""
    from rich.console import Console

    from ..examine import examine, table

    found = examine(store, repair)
    Console().print(table(found))
    unfinished, damaged = sum(f.shards - f.done for f in found), sum(len(f.damaged) for f in found)
    if damaged and not repair:
        print(f"{damaged} damaged; mark them for another run with: thalweg check {store} --repair")
    elif damaged or unfinished:
        print(f"{unfinished + damaged} shards to do; finish them with: thalweg run {store} --resume")
    else:
        print(f"whole; next: thalweg compare {store}, thalweg plot {store}")
    if damaged or unfinished:
        raise typer.Exit(1)
