"""The command line. Heavy libraries are imported inside the commands, so that --help answers at once.

Exit codes: 0 done, 1 a claim or run failed, 2 bad input, 130 interrupted (resumable).
"""

import json
import math
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Simulate optimizers on landscapes: YAML studies in, labelled trajectories out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A YAML study, or the name of a bundled one (thalweg list studies).")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. adam.lr=0.1; repeatable.")]
Outside = Annotated[bool, typer.Option("--allow-outside", help="Let the study read files outside its own folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors and warnings.")]


@app.command()
def run(
    spec: Spec,
    settings: Settings = None,
    out: Annotated[str | None, typer.Option(metavar="PLACE", help="A path or URL (s3://...); by default NAME.zarr here.")] = None,
    device: Annotated[str, typer.Option(help="auto or cpu.")] = "auto",
    executor: Annotated[str, typer.Option(help="auto, fused or array.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Shards simulated at a time; by default one a core.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Local processes that share the shards (Dask).")] = None,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Dask cluster that does, tcp://host:8786.")] = None,
    outside: Outside = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish an interrupted store, or start it.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing store.")] = False,
    quiet: Quiet = False,
) -> None:
    """Run a study and store its trajectories; `run STORE --resume` finishes a store by the study it holds."""
    from .api import load_study, run_to_store
    from .places import is_store

    if resume and out is None and is_store(spec):
        from .store import stored_study

        study, target = load_study(stored_study(spec), settings or ()), spec
    else:
        study = load_study(spec, settings or (), outside=outside)
        target = out or f"{study.name}.zarr"
    with progress(study, not quiet) as advance:
        try:
            run_to_store(study, target, (), device, executor, overwrite, resume, threads, advance, workers, scheduler)
        except KeyboardInterrupt:
            changed = "".join(f" --set {shlex.quote(setting)}" for setting in settings or ())
            print(f"interrupted; finish it with: thalweg run {spec}{changed} --out {target} --resume", file=sys.stderr)
            raise typer.Exit(130) from None
    if not quiet:
        print(f"stored {target}; next: thalweg compare {target}, thalweg plot {target}")


@app.command()
def check(
    spec: Annotated[str, typer.Argument(metavar="SPEC|STORE", help="A study, bundled or a path; or a store, all of which is then read.")],
    settings: Settings = None,
    outside: Outside = False,
    repair: Annotated[bool, typer.Option("--repair", help="Of a store: have `run --resume` compute damaged shards again.")] = False,
) -> None:
    """Validate a study and print its plan (nothing runs, nothing is written); or verify that a store is whole."""
    from .places import is_store

    if is_store(spec):
        check_store(spec, repair)
        return
    from rich.console import Console
    from rich.tree import Tree

    from .api import check as check_study
    from .api import load_study
    from .executors.choose import choose
    from .store import nice_bytes

    plan = check_study(load_study(spec, settings or (), outside=outside))
    study = plan.study
    tree = Tree(f"[bold]{study.name}[/] {study.title}")
    tree.add(f"landscape {study.landscape.kind}, {study.landscape.size} components, noise {study.noise.kind}, {study.precision}")
    for group in plan.groups:
        sizes = " x ".join([*(f"{d.name} {d.size}" for d in group.dims), f"seed {study.seeds}"])
        branch = tree.add(f"[bold]{group.name}[/]: {sizes} = {group.runs:,} runs x {study.steps:,} steps")
        shards = sum(1 for _ in group.shards()) if group.runs < 10**8 else "many"
        branch.add(f"{shards} shard{'s' * (shards != 1)} of {' x '.join(map(str, group.chunk))} runs")
        choice = choose(group)
        branch.add(f"executor {choice.name}{f' ({choice.reason})' * bool(choice.reason)}")
        what = f"{', '.join(group.statistics)} over the seeds of " * bool(group.statistics) + ", ".join(group.recorded)
        branch.add(f"stores {what} at {len(group.steps):,} steps: up to {nice_bytes(group.bytes)}")
    tree.add(f"in all {plan.runs:,} runs, {plan.work:,} optimizer steps, about {duration(estimate(plan))}")
    tree.add(f"{nice_bytes(plan.bytes)} on disk before compression, about {nice_bytes(plan.memory)} of memory a thread")
    Console(soft_wrap=True).print(tree)


def check_store(store: str, repair: bool) -> None:
    """Print what is complete and what is damaged; exits with 1 if anything is."""
    from rich.console import Console

    from .examine import examine, table

    found = examine(store, repair)
    Console().print(table(found))
    unfinished, damaged = sum(f.shards - f.done for f in found), sum(len(f.damaged) for f in found)
    if damaged and not repair:
        print(f"{damaged} damaged; mark them for another run with: thalweg check {store} --repair")
    elif damaged or unfinished:
        print(f"{unfinished + damaged} shards to do; finish them with: thalweg run {store} --resume")
    else:
        print("whole")
    if damaged or unfinished:
        raise typer.Exit(1)


@app.command(name="list")
def list_(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="landscapes, optimizers, studies or schedules; all if left out.")] = "",
) -> None:
    """List what can stand in a study."""
    from rich.console import Console
    from rich.table import Table

    from ..specs.errors import SpecError, suggest

    known = {"landscapes": _units("LANDSCAPES"), "optimizers": _units("OPTIMIZERS"), "schedules": _schedules, "studies": _studies}
    if what and what not in known:
        raise SpecError(f"there is no list of '{what}'{suggest(what, known)} (known: {', '.join(known)})")
    for name in [what] if what else known:
        table = Table(title=name, title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
        for kind, text in known[name]().items():
            table.add_row(f"[bold]{kind}[/]", text)
        Console(highlight=False).print(table)


def _units(registry: str) -> Any:
    def describe() -> dict[str, str]:
        from ..specs import registry as registries

        units = getattr(registries, registry)
        made = {}
        for kind in units.kinds():
            try:
                made[kind] = units.load(kind).describe()
            except ImportError as error:
                made[kind] = f"(broken: {error})"
        return made

    return describe


def _schedules() -> dict[str, str]:
    from ..specs.schedule import SCHEDULES

    return {kind: SCHEDULES.load(kind).describe() for kind in SCHEDULES.kinds()}


def _studies() -> dict[str, str]:
    from ..specs.load import gallery, read_yaml

    return {name: str(read_yaml(path.read_bytes(), path.name).data.get("title", "")) for name, path in gallery().items()}


@app.command()
def schema() -> None:
    """Print the JSON Schema of a study, for editors that complete and check YAML."""
    from ..specs.study import Study

    print(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}, indent=2))


@app.command()
def compare(stores: Annotated[list[str], typer.Argument(metavar="STORE...", help="One or more stores.")]) -> None:
    """Compare the optimizers of one or more stores by their final loss, each at its best hyperparameters."""
    from rich.console import Console

    from .api import open_run
    from .compare import compare as compare_runs
    from .compare import table

    made = compare_runs(*(open_run(store) for store in stores))
    Console().print(table(made))


@app.command()
def differ(
    store: Annotated[str, typer.Argument(metavar="STORE")],
    first: Annotated[str, typer.Argument(metavar="GROUP")],
    second: Annotated[str, typer.Argument(metavar="GROUP")],
    rtol: Annotated[float, typer.Option(help="What counts as a difference, relative to a variable's largest value.")] = 1e-6,
) -> None:
    """Say at which step two groups of a store part: two optimizers, or two conventions of one."""
    from rich.console import Console

    from .api import open_run
    from .differ import differ as differ_runs
    from .differ import table

    Console().print(table(differ_runs(open_run(store), first, second, rtol)))


@app.command()
def merge(
    stores: Annotated[list[str], typer.Argument(metavar="STORE...", help="Stores of one study: other seeds, sweep values or optimizers.")],
    out: Annotated[str, typer.Option(metavar="PLACE", help="The new store.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing store.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Shards simulated at a time; by default one a core.")] = None,
) -> None:
    """Join stores of one study; runs that none of them has are computed."""
    from .merge import merge as join

    join(stores, out, overwrite, threads)
    print(f"stored {out}; next: thalweg compare {out}")


@app.command()
def verify(
    specs: Annotated[list[str], typer.Argument(metavar="SPEC...", help="Studies (paths or bundled names), `all` bundled ones, or stores.")],
    settings: Settings = None,
    quick: Annotated[bool, typer.Option("--quick", help="Each study's own smaller version; 'undecided' is then no failure.")] = False,
    out: Annotated[str | None, typer.Option(metavar="FOLDER", help="Keep the runs there, as NAME.zarr.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing stores in --out.")] = False,
    executor: Annotated[str, typer.Option(help="auto, fused or array.")] = "auto",
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables as a Markdown page, too.")] = None,
) -> None:
    """Run studies and check their claims; exits with 1 unless all pass."""
    import time

    from rich.console import Console

    from ..specs.errors import StoreError
    from ..specs.load import gallery
    from .verify import FAILED, PASSED, UNDECIDED, markdown, table, verify_study

    if report and not report.absolute().parent.is_dir():
        raise StoreError(f"--report {report}: there is no folder {report.absolute().parent}")
    console, verdicts, pages = Console(soft_wrap=True, highlight=False), [], ["# Claims, and what was measured", ""]
    for spec in [*gallery()] if specs == ["all"] else specs:
        began = time.perf_counter()
        target = f"{out.rstrip('/')}/{Path(spec).stem}.zarr" if out else None
        study, made = verify_study(spec, settings or (), quick, target, executor=executor, overwrite=overwrite)
        verdicts += made
        if made:
            pages.append(markdown(study, made))
            console.print(table(study, made))
        else:
            console.print(f"{study.name}: has no claims")
        console.print(f"[dim]{duration(time.perf_counter() - began)}[/]\n")
    if report:
        report.write_text("\n".join(pages), encoding="utf-8")
    counts = {name: sum(v.verdict == name for v in verdicts) for name in (PASSED, UNDECIDED, FAILED)}
    console.print(", ".join(f"{n} {name}" for name, n in counts.items()))
    if counts[FAILED] or (counts[UNDECIDED] and not quick):
        raise typer.Exit(1)


@app.command()
def cache(
    action: Annotated[str, typer.Argument(metavar="[clear]", help="clear empties the cache; without it, it is shown.")] = "",
) -> None:
    """Show or clear the compiled kernels kept on disk."""
    from ..specs.errors import SpecError
    from .executors import cache as kernels
    from .store import nice_bytes

    if action == "clear":
        count, freed = kernels.clear()
        print(f"cleared {count} kernels, {nice_bytes(freed)}, from {kernels.directory()}")
    elif action:
        raise SpecError(f"cache: there is no action '{action}' (known: clear)")
    else:
        found = kernels.entries()
        size = nice_bytes(sum(size for _, size, _ in found))
        print(
            f"{kernels.directory()}: {len(found)} kernels, {size} of at most {nice_bytes(kernels.limit())}; thalweg cache clear empties it"
        )


@app.command()
def plot(
    store: Annotated[str, typer.Argument(metavar="STORE")],
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="overview, landscape, loss or sweep.")] = "auto",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="PATH", help=".png, .svg or .pdf; by default STORE.png.")] = None,
) -> None:
    """Draw a store: trajectories on the landscape, loss curves with quantile bands, or the loss over a sweep."""
    from .plot import plot as draw

    print(f"drew {draw(store, kind, out or store.rstrip('/').removesuffix('.zarr') + '.png')}")


FUSED_RATE = 10**8
"""Components (runs x steps x dim) that the fused executor moves in a second and thread at least, see benchmarks/RESULTS.md."""


def estimate(plan: Any) -> float:
    """Seconds the plan will take, roughly: measured on a few steps of one shard of each group, or for fused groups by FUSED_RATE."""
    import os
    import time
    from dataclasses import replace

    from .executors.choose import choose, simulation

    seconds = 0.0
    for group in plan.groups:
        if choose(group).name == "fused":
            seconds += group.runs * group.study.steps * group.study.landscape.size / FUSED_RATE / (os.cpu_count() or 1)
            continue
        steps, began = 0, 0.0
        for steps in (1, min(20, group.study.steps)):
            shard = next(next(replace(group, study=group.study.model_copy(update={"steps": steps})).shards()).split())
            began = time.perf_counter()
            for _ in simulation(shard, "array").run():
                pass
        seconds += (time.perf_counter() - began) / steps * group.study.steps * math.ceil(group.runs / (shard.points * len(shard.seeds)))
    return seconds


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(75)
    '1 min 15 s'
    """
    if seconds < 1:
        return "a second"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class progress:
    """A bar with rate and time left, once a run takes longer than a second; nothing when not at a terminal."""

    def __init__(self, study: Any, wanted: bool):
        from rich.console import Console

        self.study, self.bar, self.console = study, None, Console(stderr=True)
        self.wanted = wanted and self.console.is_terminal

    def __enter__(self) -> Any:
        if not self.wanted:
            return None
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from .plan import plan

        total = plan(self.study).work
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[rate]}"))
        self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
        self.task = self.bar.add_task(self.study.name, total=total, rate="")
        self.bar.start()
        return self.advance

    def advance(self, steps: int) -> None:
        if self.bar is None:
            return
        self.bar.advance(self.task, steps)
        task = self.bar.tasks[0]
        if task.elapsed:
            self.bar.update(self.task, rate=f"{task.completed / task.elapsed / 1e6:.1f} M steps/s")

    def __exit__(self, *reason: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def main() -> None:
    """The console command: errors that thalweg raises on purpose become lines on stderr and an exit code."""
    from ..specs.errors import ThalwegError

    try:
        app()
    except ThalwegError as error:
        for problem in str(error).splitlines():
            print(f"error: {problem}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
