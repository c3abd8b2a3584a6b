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
        str | None, typer.Option("--out", "-o", metavar="PLACE", help="A path or URL (s3://...); default: NAME.zarr in this folder.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    executor: Annotated[str, typer.Option(help="auto, fused or array.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Shards simulated at a time; default: one per core.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Local processes to run the shards (Dask).")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask cluster to run the shards, e.g. tcp://host:8786.")
    ] = None,
    outside: Outside = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish an interrupted store, or start it.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing store.")] = False,
    stage: Annotated[
        str | None, typer.Option(metavar="NAME", help="For a study with stages: run only this stage and those it needs.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run a study and store its trajectories; `run STORE --resume` finishes an interrupted store."""
    from ...specs.errors import SpecError
    from ...specs.load import load
    from ...specs.stages import Stages
    from ..api import run_to_store
    from ..runner.options import RunOptions
    from ..store.lock import is_store

    if resume and out is None and is_store(spec):
        from ..store.staged import stored

        study, target = load(stored(spec), settings or ()), spec
    else:
        study = load(spec, settings or (), outside=outside)
        target = f"{study.name}.zarr" if out is None else out
    options = RunOptions(
        device=device, executor=executor, overwrite=overwrite, resume=resume, threads=threads, workers=workers, scheduler=scheduler
    )
    given = {"--device": device, "--executor": executor, "--threads": threads, "--workers": workers, "--scheduler": scheduler}
    words = {name: value for name, value in given.items() if value not in (None, "auto")}
    if isinstance(study, Stages):
        from ..runner.stages import check_stages, run_stages

        stages = study if stage is None else study.upto(stage)
        check_stages(study)
        try:
            run_stages(study, target, options, run_to_store, lambda one: progress(one, not quiet), stages)
        except KeyboardInterrupt:
            interrupted(target, words)
    else:
        if stage is not None:
            raise SpecError(f"--stage {stage}: {study.name} has no stages")
        with progress(study, not quiet) as advance:
            try:
                run_to_store(study, target, options, advance)
            except KeyboardInterrupt:
                interrupted(target, words, study)
    if not quiet:
        say(f"stored {target}; next: {to_look_at(target)}")
