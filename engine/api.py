"""The Python interface: load a study, run it, open what came out."""

import json
import math
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..specs.errors import SpecError, StoreError
from ..specs.load import load, load_study
from ..specs.session import sources
from ..specs.stages import Stages
from ..specs.study import Study
from .claims.stages import verify_stages
from .claims.trial import try_claims, try_claims_across
from .claims.verdict import Verdict, verify
from .cores import cores
from .executors.choose import array_simulation, choose, first_runs
from .executors.cuda.device import check_device_name, runs_at_once
from .executors.executor import Executor
from .executors.memory import of_shard
from .plan import Plan, plan, with_runs_at_once
from .progress import Progress
from .runner.added_probe import add_probe
from .runner.branch import check_branch
from .runner.options import RunOptions
from .runner.probes import probe_runs
from .runner.stages import check_stages, in_memory, run_stages
from .runner.threads import simulate
from .store import location
from .store.lock import exists, is_store, locked
from .store.look import check_probes
from .store.open import open_tree, study_in, without_zarr_warnings
from .store.staged import stage_names, stored
from .store.store import Store
from .store.zarr_stores import zarr_store
from .text.sizes import bytes_for_people

__all__ = ["check", "load_study", "open_run", "probe", "run"]


LITTLE = 2**25
"""Bytes that a shard may take without a look at the free memory: this program itself takes more, and the look takes time that a small study notices."""


def check(study: "Study | str | Path | dict[str, Any]", settings: Iterable[str] = ()) -> Plan:
    """Validate a study and plan it, without running anything; of a study of stages, the last one. Raises SpecError if it is wrong or does not
    fit into memory."""
    loaded = load(study, settings)
    if isinstance(loaded, Stages):
        return check_stages(loaded)[-1]
    planned = plan(loaded)
    needed = max(map(of_shard, planned.groups))
    if needed > LITTLE and needed > (free := available_memory()):
        raise SpecError(
            f"one shard needs about {bytes_for_people(needed)} of memory and {bytes_for_people(free)} are free; use a smaller landscape"
        )
    if planned.study.branch:
        check_branch(planned)
    check_probes(planned)
    for group in planned.groups:
        array_simulation(first_runs(next(group.shards()), 1)).start()
    return planned


def run(
    study: "Study | Stages | str | Path | dict[str, Any]",
    out: "str | Path | None" = None,
    *,
    settings: Iterable[str] = (),
    device: str = "auto",
    executor: str = "auto",
    overwrite: bool = False,
    resume: bool = False,
    threads: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: "Progress | bool | None" = None,
) -> Any:
    """Run a study and return its results as an xarray.DataTree: a group an optimizer, whose dimensions are the swept fields, seed, step and
    the parameters' own.

    Parameters
    ----------
    study : path, name, mapping, Study or Stages
        A study file, a bundled study, plain data, or what was read of one.
    out : path or URL, optional
        The store that results are written to, shard by shard; a URL is one that fsspec knows (s3://bucket/name.zarr). By default they
        are kept in memory.
    settings : texts KEY=VALUE
        What is changed in the study, as by `--set`.
    device : "auto", "cpu" or "cuda"
        auto takes CUDA where there is a device, what it needs is installed and the work is worth it (docs/gpu.md).
    executor : "auto", "fused" or "array"
        fused: compiled kernels, for formulas, also over tensors and data; array: runs everything; auto: the fused one where it can and the work is
        worth compiling.
    overwrite : bool
        Replace an existing store.
    resume : bool
        Finish an interrupted store, or start it.
    threads : int, optional
        Shards simulated at a time; by default one a processor.
    workers : int, optional
        Local processes that share the work (Dask); scripts then need `if __name__ == "__main__":`.
    scheduler : text, optional
        The address of a Dask cluster that shares the work.
    progress : bool or Progress, optional
        True shows bars, on a terminal or in a notebook, False none; a Progress is told how far the run is. By default bars are shown in a
        notebook alone.

    Returns
    -------
    xarray.DataTree
        Its groups have the accessor `.thalweg`.

    Raises
    ------
    SpecError
        The study cannot run.
    StoreError
        The output cannot be written.
    RunError
        A landscape or an optimizer raised something.

    Examples
    --------
    >>> tree = run({"name": "tiny", "landscape": "himmelblau", "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01]}], "steps": 10})
    >>> tree["sgd"].loss.dims
    ('lr', 'seed', 'step')
    """
    if not (progress is None or isinstance(progress, (bool, Progress))):
        raise SpecError(f"progress: takes True, False or a thalweg.engine.progress.Progress, given {progress!r:.80}")
    from . import accessor  # noqa: F401  # registers .thalweg

    options = RunOptions(
        device=device, executor=executor, overwrite=overwrite, resume=resume, threads=threads, workers=workers, scheduler=scheduler
    )
    loaded = load(study, settings)
    from .runner.notebook_progress import in_notebook
    from .runner.progress_bars import progress as shown

    def told(study: Study) -> Any:
        wanted = in_notebook() if progress is None else progress
        return shown(study, wanted) if isinstance(wanted, bool) else nullcontext(wanted)

    if isinstance(loaded, Stages):
        check_stages(loaded)
        if out is None:
            return in_memory(loaded, options, run_to_store, told)
        run_stages(loaded, out, options, run_to_store, told)
        return open_tree(out)
    with told(loaded) as advance:
        return run_to_store(loaded, out, options, advance).tree()


def run_to_store(study: Study, out: "str | Path | None", options: RunOptions, progress: Progress | None = None) -> Store:
    """What `run` does, without opening the results: that takes xarray, which the command line has no need of."""
    device, executor, threads, workers = check_device_name(options.device), options.executor, options.threads, options.workers
    planned = check(study)
    executors = {group.name: choose(group, executor, device).executor for group in planned.groups}
    planned = with_runs_at_once(
        planned, {group.name: runs_at_once(group) for group in planned.groups if executors[group.name].device == "cuda"}
    )
    if (workers or options.scheduler) and (own := sources(study)):
        raise SpecError(
            f"{', '.join(own)}: is defined only in this session, and other processes do not know it; leave out workers, or make it a package"
        )
    if options.scheduler is None and not any(executor.device == "cuda" for executor in executors.values()):
        check_memory(planned, executors, "--workers" if workers else "--threads", workers or threads or cores())
    if out is None and planned.bytes > available_memory():
        raise SpecError(f"the results take {bytes_for_people(planned.bytes)}, more than the free memory; give `out`, or record less")
    if options.resume and out is None:
        raise StoreError("--resume needs an output to continue")
    with locked(out):
        if options.resume and out is not None and exists(out):
            store = Store.resume(out, planned, executors)
            executors = begun_with(store, executor, out, device)
        else:
            store = Store.create(out, planned, options.overwrite, executors)
        if workers is None and options.scheduler is None:
            simulate(store, executors, progress, threads, probe_runs)
        elif out is None:
            raise StoreError("workers write into the store themselves; give `out`")
        else:
            from .runner.dask_cluster import distribute

            began = time.perf_counter()
            distribute(store, out, executors, progress, workers, options.scheduler)
            store.finish(time.perf_counter() - began)
    return store


def begun_with(store: Store, wanted: str, out: "str | Path", device: str = "cpu") -> dict[str, Executor]:
    """The executors a store was begun with, which finish it: another's last digits differ. Raises StoreError if `wanted` is another. The
    device may be another: what has no completion mark is then computed there."""
    begun = {name: Executor.of(text).kind for name, text in store.executors().items()}
    executors = {group.name: choose(group, begun[group.name], device).executor for group in store.plan.groups}
    other = sorted({name for name in begun.values() if wanted not in ("auto", name)})
    if other:
        raise StoreError(f"{out}: was begun with the {other[0]} executor, which must finish it; leave out --executor, or use --overwrite")
    return executors


def probe(
    store: "str | Path", kind: str, *, overwrite: bool = False, threads: int | None = None, progress: Progress | None = None, **fields: Any
) -> Any:
    """Look at the runs of a complete store, store what is seen beside them, and return the store as `open_run` does: the numbers are in
    `tree["GROUP/probe/NAME"]`.

    Parameters
    ----------
    store : path or URL
        The store; parameters or states of its runs must be recorded.
    kind : text
        The kind of probe, as `thalweg list probes` names it.
    overwrite : bool
        Replace a probe of this name that has other settings.
    threads : int, optional
        Pieces computed at a time; by default one a core.
    progress : Progress, optional
        Is told how far it is.
    **fields
        The probe's fields, as in a study: name, groups, at, and those of its kind.

    Returns
    -------
    xarray.DataTree
        The store.

    Raises
    ------
    SpecError
        The probe cannot look at these runs.
    StoreError
        The runs are not finished, or the store has another probe of this name.
    """
    add_probe(store, {"kind": kind, **fields}, overwrite, threads, progress)
    return open_run(store)


def open_run(path: "str | Path") -> Any:
    """A store as an xarray.DataTree, read lazily. Raises StoreError if it is not one, or lacks a chunk that it must have."""
    from . import accessor  # noqa: F401  # registers .thalweg

    return open_tree(path)


def check_memory(planned: Plan, executors: Mapping[str, Executor], option: str, wanted: int) -> None:
    """Raises SpecError if as many shards as are run at a time do not fit into the free memory together."""
    free, shards = available_memory(), sum(math.prod(-(-n // c) for n, c in zip(g.shape, g.chunk, strict=True)) for g in planned.groups)
    of_one = max(of_shard(group, executors[group.name].kind) for group in planned.groups)
    if of_one > free:  # the array executor's would fit, or the plan would have been refused
        raise SpecError(
            f"a shard's blocks of lanes need about {bytes_for_people(of_one)} of memory and {bytes_for_people(free)} are free; use --executor array"
        )
    if of_one * (at_once := min(wanted, shards)) > free:
        raise SpecError(
            f"{at_once} shards at a time need about {bytes_for_people(of_one * at_once)} of memory and {bytes_for_people(free)} are free; use "
            f"{option} {max(1, free // of_one)}"
        )


def available_memory() -> int:
    """Bytes of memory that can still be had."""
    import psutil

    return int(psutil.virtual_memory().available)


def verify_study(
    source: "str | Path | Study", settings: Iterable[str] = (), quick: bool = False, out: "str | Path | None" = None, **options: Any
) -> "tuple[Study | Stages, list[Verdict]]":
    """Run a study (or open the store at this path) and check its claims; a store gets the verdicts as its attribute `claims`.

    `quick` takes the study's own `quick` settings: fewer seeds and points. Raises SpecError, StoreError.
    """
    if isinstance(source, (str, Path)) and is_store(source):
        if stage_names(source):
            return verify_stages_of(source)
        tree = open_run(source)
        study = load_study(finished_study(tree, source))
        verdicts = verify(tree, study)
        note_verdicts(source, verdicts)
        return study, verdicts
    study = load(source, settings, quick)
    if isinstance(study, Stages):
        return verify_stages_of(study, out, **options)
    if not study.claims:
        return study, []
    try_claims(study)
    if out is None and check(study).bytes * 2 > available_memory():
        raise SpecError(f"{study.name}: its results do not fit into memory; give --out")
    tree = run(study, out, **options)
    verdicts = verify(tree, study)
    if out is not None:
        note_verdicts(out, verdicts)
    return study, verdicts


def verify_stages_of(source: "str | Path | Stages", out: "str | Path | None" = None, **options: Any) -> tuple[Stages, list[Verdict]]:
    """As verify_study, of a study of stages, or a store of them."""
    if not isinstance(source, Stages):
        tree, stages = open_run(source), stored(source)
        if not tree.attrs.get("complete"):
            raise StoreError(f"{source}: the run is not finished; `thalweg run --resume` finishes it")
        assert isinstance(stages, Stages)
        verdicts = verify_stages(tree, stages)
        note_verdicts(source, verdicts)
        return stages, verdicts
    if not source.claims and not any(stage.study.claims for stage in source.stages):
        return source, []
    try_claims_across(source)
    verdicts = verify_stages(run(source, out, **options), source)
    if out is not None:
        note_verdicts(out, verdicts)
    return source, verdicts


def finished_study(tree: Any, where: Any) -> dict[str, Any]:
    if not tree.attrs.get("complete"):
        raise StoreError(f"{where}: the run is not finished; `thalweg run --resume` finishes it")
    return study_in(tree.attrs, where)


def note_verdicts(store: "str | Path", verdicts: list[Verdict]) -> None:
    """Keep the verdicts in the store's attributes."""
    import zarr

    with without_zarr_warnings(), location.reached(store, "written"):
        root = zarr.consolidate_metadata(zarr_store(store))
        root.attrs["claims"] = json.dumps([{k: for_json(v) for k, v in asdict(verdict).items()} for verdict in verdicts])


def for_json(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)
