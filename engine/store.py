"""The store: one Zarr v3 group an optimizer, dimensions named by swept fields, opened by xarray.open_datatree(path, engine="zarr").

Order of writing: the arrays with their metadata first, then shard by shard the data, and last the shard's `status`. So a status other
than 0 is the completion mark: it says that everything else of that run is there. Absent chunks read as NaN.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..specs.compatibility import remarks
from ..specs.errors import StoreError
from ..specs.record import DIAGNOSTICS, SINGULAR, VECTORS
from . import places
from .checkpoint import Checkpoint
from .origin import FORMAT_VERSION, provenance, same_study, same_version
from .plan import Dim, Group, Plan, Shard, refit

LONG_NAMES = {
    "loss": "noiseless objective",
    "params": "iterate",
    "average_loss": "noiseless objective at the iterate average",
    "average_params": "iterate average",
    "swarm": "all particles",
    **DIAGNOSTICS,
    "singular": "place of a singular value, blocks one after the other",
    "final_loss": "noiseless objective at the last step",
    "count": "runs that have not diverged",
    "quantile": "fraction of the seeds below",
    "status": "0 running, 1 finished, 2 diverged, 3 stopped early",
    "last_step": "last step with a valid iterate",
    "seed": "index of the run's random stream",
    "step": "number of optimizer updates made",
}


@contextmanager
def quiet() -> Iterator[None]:
    """Zarr warns that strings and consolidated metadata are not in the v3 specification; xarray reads both."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(Zarr format 3 specification|Zarr V3 specification|not have a Zarr V3).*")
        yield


@dataclass
class Store:
    """An open store: where shards are written and read."""

    root: Any
    plan: Plan
    target: str | None = None
    cut: bool = False
    """Whether a process may have been killed that wrote here."""

    @classmethod
    def create(
        cls, target: "str | Path | None", plan: Plan, overwrite: bool = False, executors: Mapping[str, str] | None = None
    ) -> "Store":
        """A new store with every array in place and no data yet; `target` None is memory. Raises StoreError."""
        import zarr
        from zarr.storage import MemoryStore

        executors = executors or {}

        if target is None:
            where: Any = MemoryStore()
        else:
            prepare(target, overwrite, plan.bytes)
            where = places.opened(target)
        with quiet(), places.reached(target or "memory", "written"):
            root = zarr.create_group(where, zarr_format=3, overwrite=False, attributes=provenance(plan.study))
            for group in plan.groups:
                lay_out(root, group, executors)
        return cls(root, plan, None if target is None else str(target))

    @classmethod
    def resume(cls, target: "str | Path", plan: Plan, executors: Mapping[str, str] | None = None) -> "Store":
        """An existing store of the same study, to be finished; `executors` are for groups whose arrays it has not got yet. Raises StoreError
        that names what differs."""
        root = open_root(target, mode="r+")
        same_study(root, plan.study, target)
        same_version(root, target)
        plan = as_stored(plan, root)
        with quiet(), places.reached(target, "written"):
            for group in plan.groups:
                if not laid_out(root, group.name):
                    lay_out(root, group, executors or {})
        return cls(root, plan, str(target), cut=True)

    def checkpoint(self, shard: Shard, settle: Any) -> Checkpoint:
        """Where this shard's state is kept until it is complete."""
        if self.target is None or places.remote(self.target) or shard.group.statistics:
            return Checkpoint()
        attributes, group = self.root.attrs, self.root[shard.group.name].attrs
        parts = [str(attributes.get(name)) for name in ("study", "created", "thalweg_version")] + [
            str(group.get("executor")),
            repr(shard.box),
        ]
        corner = "-".join(str(s.start) for s in shard.box)
        file = checkpoint_folder(self.target) / f"{shard.group.name}-{corner}.npz"

        def flushed() -> None:
            settle()
            self.root.store.flush()

        return Checkpoint(file, hashlib.sha256("\0".join(parts).encode()).hexdigest(), flushed)

    def write(self, shard: Shard, start: int, stop: int, data: dict[str, Any]) -> None:
        """Records [start, stop) of a shard: variable -> (points, seeds, records, ...); of `state`, those of its own steps."""
        group = self.root[shard.group.name]
        blocks = shard.parts().landscape.blocks

        def array(name: str) -> Any:
            """To write to. Whether a chunk holds nothing but NaN is not asked: the answer costs a third of compressing it."""
            return group[name].with_config({"write_empty_chunks": True})

        for name, values in data.items():
            values = np.asarray(values)
            where = (*shard.box, slice(start, stop))
            if name in ("swarm", "state", *SINGULAR):
                own = values.shape[3:]
                array(name)[(*where, *(slice(0, n) for n in own))] = values.reshape(*shard.shape, stop - start, *own)
                continue
            if name not in VECTORS:
                array(name)[where] = values.reshape(*shard.shape, stop - start)
                continue
            at = 0
            for block, shape in blocks.items():
                size = int(np.prod(shape))
                part = values[..., at : at + size].reshape(*shard.shape, stop - start, *shape)
                at += size
                array(block_variable(name, block, blocks))[(*where, *(slice(0, n) for n in shape))] = part

    def executors(self) -> dict[str, str]:
        """The executor of every group, as the store was begun."""
        return {group.name: str(self.root[group.name].attrs.get("executor", "array")) for group in self.plan.groups}

    def write_statistics(self, shard: Shard, blocks: list[tuple[int, int, dict[str, Any]]], final_loss: Any) -> None:
        """Statistics over the seeds: (first record, end, variable -> (points, records, ...)) each, and the final losses (points, seeds)."""
        group, points = self.root[shard.group.name], shard.shape[:-1]
        shapes = shard.parts().landscape.blocks
        for start, stop, data in blocks:
            where = (*shard.box[:-1], slice(start, stop))
            for name, values in data.items():
                variable = next((v for v in VECTORS if name.startswith(f"{v}_")), None)
                if variable is None:
                    group[name][where] = values.reshape(*points, stop - start, *values.shape[2:])
                    continue
                at, kind = 0, name.removeprefix(variable)
                for block, shape in shapes.items():
                    size = int(np.prod(shape))
                    part = values[:, :, at : at + size].reshape(*points, stop - start, *shape, *values.shape[3:])
                    at += size
                    group[block_variable(variable, block, shapes) + kind][(*where, *(slice(0, n) for n in shape))] = part
        if final_loss is not None:
            group["final_loss"][shard.box] = final_loss.reshape(shard.shape)

    def finish_shard(self, shard: Shard, status: Any, last_step: Any) -> None:
        """How the shard's runs ended; written last, it marks the shard as complete."""
        group = self.root[shard.group.name]
        group["last_step"][shard.box] = np.asarray(last_step).reshape(shard.shape)
        group["status"][shard.box] = np.asarray(status).reshape(shard.shape)

    def reopen_shard(self, shard: Shard) -> None:
        """Take the completion mark away: the shard will be computed again."""
        group = self.root[shard.group.name]
        group["status"][shard.box] = np.zeros(shard.shape, np.int8)

    def is_done(self, shard: Shard) -> bool:
        return bool(np.all(self.root[shard.group.name]["status"][shard.box] != 0))

    def todo(self) -> list[tuple[int, int, Shard]]:
        """Shards without a completion mark, each with the numbers of its group and of itself in the group. One listing a group."""
        made = []
        for g, group in enumerate(self.plan.groups):
            marks = places.keys(self.root[group.name]["status"])
            for k, shard in enumerate(group.shards()):
                key = "/".join(str(s.start // n) for s, n in zip(shard.box, group.chunk, strict=True))
                if key not in marks:
                    made.append((g, k, shard))
        return made

    def finish(self, seconds: float) -> None:
        """Note the wall time and gather all metadata in one place, so that opening takes one read."""
        import zarr

        if self.target is not None and not places.remote(self.target):
            shutil.rmtree(checkpoint_folder(self.target), ignore_errors=True)
            if self.cut:
                places.tidy(self.target)
        before = float(self.root.attrs.get("wall_seconds", 0.0))
        self.root.attrs.update({"wall_seconds": round(float(seconds) + before, 3), "complete": True})
        with quiet():
            zarr.consolidate_metadata(self.root.store)

    def tree(self) -> Any:
        """The store as an xarray.DataTree."""
        import xarray

        from . import accessor  # noqa: F401  # registers .thalweg

        with quiet():
            return xarray.open_datatree(self.root.store, engine="zarr", consolidated=False)  # type: ignore[arg-type]


def open_root(target: "str | Path", mode: Any = "r") -> Any:
    """The root group of a thalweg store. Raises StoreError if it is none."""
    import zarr

    if not places.exists(target) and not Path(target).is_dir():
        raise StoreError(f"{target}: there is no such store")
    try:
        with quiet():
            root = zarr.open_group(places.opened(target, read_only=mode == "r"), mode=mode, zarr_format=3, use_consolidated=False)
    except (FileNotFoundError, ValueError, KeyError, OSError) as error:
        raise StoreError(f"{target}: not a Zarr store ({type(error).__name__})") from None
    if "thalweg_format" not in root.attrs:
        raise StoreError(f"{target}: a Zarr store, but not one of thalweg's")
    if int(str(root.attrs["thalweg_format"])) > FORMAT_VERSION:
        raise StoreError(f"{target}: written by a newer thalweg (format {root.attrs['thalweg_format']}, this reads {FORMAT_VERSION})")
    return root


def checkpoint_folder(target: "str | Path") -> Path:
    """The folder beside a store that holds the state of its unfinished shards."""
    path = Path(target).absolute()
    return path.with_name(f".{path.name}.checkpoints")


def stored_study(target: "str | Path") -> dict[str, Any]:
    """The study a store holds, as plain data."""
    return json.loads(str(open_root(target).attrs["study"]))


def prepare(target: "str | Path", overwrite: bool, size: int) -> None:
    """Refuse to replace an output unless told to, or to start what the disk cannot hold."""
    if there := places.exists(target):
        if not overwrite:
            raise StoreError(f"{target}: exists already; use --overwrite to replace it, --resume to finish it, or another --out")
        if not places.is_store(target):
            raise StoreError(f"{target}: is not a Zarr store, so --overwrite does not touch it; choose another --out")
    if (free := places.free(target)) is not None and size > free:
        raise StoreError(
            f"{target}: the study stores up to {nice_bytes(size)} and only {nice_bytes(free)} are free; record fewer steps or variables"
        )
    if there:
        places.remove(target)
    elif not places.remote(target):
        places.tidy(target)


def group_attributes(group: Group) -> dict[str, Any]:
    """The optimizer's kind, what is to be known of how it acts, and the names that xarray shall read as coordinates though they name no dimension: zipped sweeps."""
    zipped = [name for dim in group.dims for name in dim.names[1:]]
    sizes = {} if group.fitted is None else {"runs_at_once": group.fitted}
    said = {"optimizer": group.optimizer.kind, **remarks(group.study, group.optimizer)}
    return said | ({"coordinates": " ".join(zipped)} if zipped else {}) | sizes


def laid_out(root: Any, group: str) -> bool:
    """Whether this group has its arrays; where not, the run was cut off while it began the store, and nothing is in the group."""
    return f"{group}/status" in root


def as_stored(plan: Plan, root: Any) -> Plan:
    """The plan with the shards that the store was begun with."""
    return refit(plan, {g.name: root[g.name].attrs.get("runs_at_once") for g in plan.groups if laid_out(root, g.name)})


def block_variable(name: str, block: str, blocks: Any) -> str:
    """The array of one parameter block: `params` if there is one block, else `params_W1`, `params_b1`, ..."""
    return name if len(blocks) == 1 else f"{name}_{block}"


def lay_out(root: Any, group: Group, executors: Mapping[str, str]) -> None:
    """Create a group, its coordinates and its arrays, empty; `status` last, which says that the others are there."""
    attributes = group_attributes(group) | {"executor": executors.get(group.name, "array")}
    target = root.create_group(group.name, attributes=attributes, overwrite=True)
    sweep_names = [dim.name for dim in group.dims]
    for dim in group.dims:
        coordinates(target, dim)
    vector(target, "seed", np.arange(group.study.seeds), ("seed",))
    vector(target, "step", group.steps, ("step",))
    run_dims, run_shape, chunk = [*sweep_names, "seed"], group.shape, group.chunk
    steps, step_chunk = len(group.steps), group.step_chunk
    dtype = group.study.precision

    def array(name: str, dims: list[str], shape: tuple[int, ...], chunks: tuple[int, ...], fill: Any, kind: str) -> None:
        attributes = {"long_name": LONG_NAMES.get(name, name.replace("_", " ")), "units": "1"}
        target.create_array(
            name,
            shape=shape,
            chunks=chunks,
            dtype=kind,
            fill_value=fill,
            dimension_names=dims,
            attributes=attributes,
            compressors=codec(kind, group.study.record.compression),
        )

    def labels_of(block: str, shape: tuple[int, ...]) -> list[str]:
        """The block's own dimensions, with coordinates."""
        inner = block_dims(block, shape, group.blocks)
        for label, size in zip(inner, shape, strict=True):
            if label not in target:
                vector(target, label, np.asarray(group.study.landscape.labels or range(size)), (label,))
        return inner

    if group.statistics:
        lay_out_statistics(target, group, array, labels_of)
    for name in () if group.statistics else group.recorded:
        if name == "swarm":
            (block, shape), *_ = group.blocks.items()
            vector(target, "particle", np.arange(group.particles), ("particle",))
            dims, own = [*run_dims, "step", "particle", *labels_of(block, shape)], (group.particles, *shape)
            array(name, dims, (*run_shape, steps, *own), (*chunk, step_chunk, *own), float("nan"), dtype)
            continue
        if name in SINGULAR:
            if "singular" not in target:
                vector(target, "singular", np.arange(group.singular), ("singular",))
            own = (group.singular,)
            array(name, [*run_dims, "step", "singular"], (*run_shape, steps, *own), (*chunk, step_chunk, *own), float("nan"), dtype)
            continue
        if name not in VECTORS:
            array(name, [*run_dims, "step"], (*run_shape, steps), (*chunk, step_chunk), float("nan"), dtype)
            continue
        for block, shape in group.blocks.items():
            made = block_variable(name, block, group.blocks)
            inner = labels_of(block, shape)
            array(made, [*run_dims, "step", *inner], (*run_shape, steps, *shape), (*chunk, step_chunk, *shape), float("nan"), dtype)
    if len(group.state_steps):
        from .state import numbers

        size = numbers(group)
        vector(target, "state_step", group.state_steps, ("state_step",))
        array(
            "state", [*run_dims, "state_step", "number"], (*run_shape, len(group.state_steps), size), (*chunk, 1, size), float("nan"), dtype
        )
    array("last_step", run_dims, run_shape, chunk, -1, "int64")
    array("status", run_dims, run_shape, chunk, 0, "int8")


def lay_out_statistics(target: Any, group: Group, array: Any, labels_of: Any) -> None:
    """The arrays of statistics over the seeds: `loss_mean`, `params_var`, ... (sweep dims, step, own dims), and `final_loss` per run."""
    record, dims = group.study.record, [dim.name for dim in group.dims]
    shape, chunk, steps, step_chunk = group.shape[:-1], group.chunk[:-1], len(group.steps), group.step_chunk
    if "quantiles" in record.stats:
        vector(target, "quantile", np.asarray(record.quantiles), ("quantile",))
    for name in group.recorded:
        vectors = name in VECTORS
        for made, own, inner in (
            [(block_variable(name, b, group.blocks), s, labels_of(b, s)) for b, s in group.blocks.items()] if vectors else [(name, (), [])]
        ):
            for statistic in record.stats:
                last, extra = (["quantile"], (len(record.quantiles),)) if statistic == "quantiles" else ([], ())
                stored = f"{made}_{statistic.removesuffix('s')}"
                sizes, chunks = (*shape, steps, *own, *extra), (*chunk, step_chunk, *own, *extra)
                array(stored, [*dims, "step", *inner, *last], sizes, chunks, float("nan"), "float64")
    array("count", [*dims, "step"], (*shape, steps), (*chunk, step_chunk), 0, "int64")
    if "loss" in group.recorded:
        array("final_loss", [*dims, "seed"], group.shape, group.chunk, float("nan"), group.study.precision)


def block_dims(block: str, shape: tuple[int, ...], blocks: Any) -> list[str]:
    """Names of a block's own dimensions: `dim` for the one vector, `W1_0`, `W1_1` for a matrix among several blocks."""
    if len(blocks) == 1:
        return ["dim"] if len(shape) == 1 else [f"dim_{k}" for k in range(len(shape))]
    return [f"{block}_{k}" for k in range(len(shape))]


def coordinates(target: Any, dim: Dim) -> None:
    """The real values of a sweep as coordinates; zipped sweeps share the dimension."""
    for name, (owner, path, sweep) in zip(dim.names, dim.sweeps, strict=True):
        numeric = all(isinstance(v, (int, float)) for v in sweep.values)
        values = np.asarray(sweep.values) if numeric else np.asarray([str(v) for v in sweep.values])
        vector(target, name, values, (dim.name,), long_name=f"{owner} {'.'.join(path)}")


def vector(target: Any, name: str, values: np.ndarray, dims: tuple[str, ...], long_name: str | None = None) -> None:
    """A small coordinate array, written at once."""
    attributes = {"long_name": long_name or LONG_NAMES.get(name, name), "units": "1"}
    if values.dtype.kind == "U":
        array = target.create_array(name, shape=values.shape, dtype=str, dimension_names=dims, attributes=attributes)
        array[:] = values.astype(object)
    else:
        if values.dtype == bool:
            values = values.astype(np.int8)
        target.create_array(name, data=values, dimension_names=dims, attributes=attributes)


def codec(kind: str, name: str) -> Any:
    """Lossless compression after a byte shuffle (a bit shuffle takes twice as long for two hundredths less), and a checksum of every chunk."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    if name == "none":
        return (Crc32cCodec(),)
    return BloscCodec(cname=name, clevel=1, shuffle="shuffle", typesize=np.dtype(kind).itemsize), Crc32cCodec()  # type: ignore[arg-type]


def nice_bytes(size: float) -> str:
    """A size for people.

    >>> nice_bytes(2_500_000)
    '2.5 MB'
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return ""
