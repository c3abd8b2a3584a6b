"""thalweg branch."""

from typing import Annotated

import typer

from ..runner.progress_bars import progress
from ._options import Quiet, Settings
from ._say import command, say, to_look_at
from ._terminal import interrupted


def branch(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A store with states: record: {state: [STEPS]}.")],
    at: Annotated[int, typer.Option(min=0, metavar="STEP", help="The step to continue from.")],
    settings: Settings = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="PLACE", help="The new store; default: NAME_atSTEP.zarr in this folder.")
    ] = None,
    executor: Annotated[str, typer.Option(help="auto, fused or array.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Shards simulated at a time; default: one per core.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Finish an interrupted branch, or start it.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing store.")] = False,
    quiet: Quiet = False,
) -> None:
    """Continue runs from a stored step with changed settings and the same noise, e.g. --set sgd.schedule=cosine."""
    from ..api import run_to_store
    from ..runner.branch import branched
    from ..runner.options import RunOptions

    study = branched(store, at, settings or ())
    target = f"{study.name}.zarr" if out is None else out
    options = RunOptions(executor=executor, overwrite=overwrite, resume=resume, threads=threads)
    with progress(study, not quiet) as advance:
        try:
            run_to_store(study, target, options, advance)
        except KeyboardInterrupt:
            interrupted(target, study=study)
    if not quiet:
        both = to_look_at(target, "report")
        more = [command("compare", store, target), command("plot", target, "fork")] if "compare" in both and "plot" in both else [both]
        say(f"stored {target}; next: {', '.join(more)}")
