"""thalweg run."""

from typing import Annotated

import typer

from ..runner.progress_bars import progress
from ._options import Outside, Quiet, Settings, Spec
from ._say import say, to_look_at
from ._terminal import interrupted


def run(
    spec: Spec,
    settings: Settings = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="PLACE", help="A path or URL (s3://...); by default NAME.zarr here.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
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
    from ..api import load_study, run_to_store
    from ..runner.options import RunOptions
    from ..store.lock import is_store

    if resume and out is None and is_store(spec):
        from ..store.open import stored_study

        study, target = load_study(stored_study(spec), settings or ()), spec
    else:
        study = load_study(spec, settings or (), outside=outside)
        target = f"{study.name}.zarr" if out is None else out
    options = RunOptions(
        device=device, executor=executor, overwrite=overwrite, resume=resume, threads=threads, workers=workers, scheduler=scheduler
    )
    with progress(study, not quiet) as advance:
        try:
            run_to_store(study, target, options, advance)
        except KeyboardInterrupt:
            given = {"--device": device, "--executor": executor, "--threads": threads, "--workers": workers, "--scheduler": scheduler}
            interrupted(target, {name: value for name, value in given.items() if value not in (None, "auto")}, study)
    if not quiet:
        say(f"stored {target}; next: {to_look_at(target)}")
