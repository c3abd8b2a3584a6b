"""What a store's arrays are: names, dimensions, sizes, chunks, coordinates.

They are laid out in memory, as files without data, and then written as they are. So what a store must hold can be held against what it
holds, and put back where it is lost.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...specs.compatibility import remarks
from ...specs.probe import FOLDER, STEP
from ...specs.variables import Variable
from ..dims import Dim
from ..plan import Group, Plan, with_runs_at_once
from .location import wait_for
from .look import DONE, Look, looks

TEXTS = {
    "singular": "place of a singular value, blocks one after the other",
    "final_loss": "noiseless objective at the last step",
    "count": "runs that have not diverged",
    "quantile": "fraction of the seeds below",
    "status": "0 running, 1 finished, 2 diverged, 3 stopped early",
    "last_step": "last step with a valid iterate",
    "seed": "index of the run's random stream",
    "step": "number of optimizer updates made",
    STEP: "number of optimizer updates made",
    DONE: "1 where the probe has looked",
}
"""What people read of arrays that are no recorded variables."""


def group_attributes(group: Group) -> dict[str, Any]:
    """The optimizer's kind, what is to be known of how it acts, and the names that xarray shall read as coordinates though they name no
    dimension: zipped sweeps."""
    zipped = [name for dim in group.dims for name in dim.names[1:]]
    sizes = {} if group.fitted is None else {"runs_at_once": group.fitted}
    said = {"optimizer": group.optimizer.kind, **remarks(group.study, group.optimizer)}
    return said | ({"coordinates": " ".join(zipped)} if zipped else {}) | sizes


def documents(plan: Plan, executors: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Every file of a store that has no data yet, by its key: the metadata of groups and arrays, and the coordinates."""
    import zarr
    from zarr.storage import MemoryStore

    made: dict[str, Any] = {}
    with zarr.config.set({"array.write_empty_chunks": True}):
        root = zarr.create_group(MemoryStore(made), zarr_format=3, attributes=dict(attributes))
        for group in plan.groups:
            lay_out(root, group, executors)
    return made


def put(store: Any, files: Mapping[str, Any]) -> None:
    """Write these files: the root's metadata first, and last those of the groups' `status`, which say that the others are there."""
    import asyncio

    async def write(keys: list[str]) -> None:
        await asyncio.gather(*(store.set(key, files[key]) for key in keys))

    last = [key for key in files if key.endswith(("/status/zarr.json", f"/{DONE}/zarr.json"))]
    for keys in ([key for key in files if key == "zarr.json"], [key for key in files if key != "zarr.json" and key not in last], last):
        wait_for(write(keys))


def amiss(store: Any, files: Mapping[str, Any], strict: bool) -> dict[str, str]:
    """Which of these files are not in a store as they must be, and why. Coordinates are compared as numbers, to nine digits, as versions may
    differ in the last ones; without `strict` a missing one may stand for zeros."""
    import asyncio

    from zarr.buffer import default_buffer_prototype

    async def read() -> list[Any]:
        return await asyncio.gather(*(store.get(key, default_buffer_prototype()) for key in files))

    found = {key: None if held is None else held.to_bytes() for key, held in zip(files, wait_for(read()), strict=True)}
    made = {}
    for key in sorted(files, key=lambda k: not k.endswith("zarr.json")):  # of an array the metadata first
        held = found[key]
        if key.endswith("zarr.json"):
            reason = "is missing" if held is None else _differs(held, files[key].to_bytes())
        elif f"{key.partition('/c/')[0]}/zarr.json" in made or (held is None and strict):
            reason = "is missing" if held is None else ""
        else:
            reason = _other_values(store, files, key.partition("/c/")[0])
        if reason:
            made[key] = reason
    return made


SAID = ("zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "dimension_names")
"""What metadata must say as laid out; codecs and attributes may have come out differently by other versions."""


def _differs(held: bytes, wanted: bytes) -> str:
    """How this metadata differs from what it must say; empty if it does not."""
    try:
        mine, theirs = json.loads(held), json.loads(wanted)
        return "" if all(mine.get(name) == theirs.get(name) for name in SAID) else "does not have the layout that the study gives it"
    except (ValueError, AttributeError):
        return "is damaged"


def _other_values(store: Any, files: Mapping[str, Any], path: str) -> str:
    """How a coordinate's values differ from those it must have; empty if they do not."""
    import zarr
    from zarr.storage import MemoryStore

    wanted = np.asarray(zarr.open_array(MemoryStore(dict(files)), path=path, mode="r")[...])
    try:
        held = np.asarray(zarr.open_array(store, path=path, mode="r")[...])
        same = np.array_equal(held, wanted) if wanted.dtype.kind not in "fiu" else np.allclose(held, wanted, rtol=1e-9, atol=0.0)
        return "" if same else "holds values that are not the study's"
    except Exception:  # noqa: BLE001 what cannot be decoded raises what its codec raises
        return "is damaged"


def laid_out(root: Any, group: str) -> bool:
    """Whether this group has its arrays; where not, the run was cut off while it began the store, and nothing is in the group."""
    return f"{group}/status" in root


def as_stored(plan: Plan, root: Any) -> Plan:
    """The plan with the shards that the store was begun with."""
    return with_runs_at_once(plan, {g.name: group_notes(root, g.name).get("runs_at_once") for g in plan.groups})


def group_notes(root: Any, group: str) -> dict[str, Any]:
    """A group's attributes; where its own metadata are lost, those that a finished store's root has a copy of; else none."""
    import zarr

    try:
        return dict(root[group].attrs)
    except Exception:  # noqa: BLE001 damaged metadata raise what reads them
        copies = zarr.open_group(root.store, mode="r", zarr_format=3).metadata.consolidated_metadata
        return dict(copies.metadata[group].attributes) if copies is not None and group in copies.metadata else {}


def lay_out(root: Any, group: Group, executors: Mapping[str, Any]) -> None:
    """Create a group, its coordinates and its arrays, empty."""
    attributes = group_attributes(group) | {"executor": str(executors.get(group.name, "array"))}
    target = root.create_group(group.name, attributes=attributes)
    sweep_names = [dim.name for dim in group.dims]
    for dim in group.dims:
        coordinates(target, dim)
    vector(target, "seed", np.arange(group.study.seeds), ("seed",))
    vector(target, "step", group.steps, ("step",))
    run_dims, run_shape, chunk = [*sweep_names, "seed"], group.shape, group.chunk
    steps, step_chunk = len(group.steps), group.step_chunk
    dtype = group.precision

    def array(name: str, dims: list[str], shape: tuple[int, ...], chunks: tuple[int, ...], fill: Any, kind: str, **said: str) -> None:
        target.create_array(
            name,
            shape=shape,
            chunks=chunks,
            dtype=kind,
            fill_value=fill,
            dimension_names=dims,
            attributes={"long_name": TEXTS.get(name, name.replace("_", " ")), "units": "1", **said},
            compressors=codec(kind, group.study.record.compression),
        )

    for variable in group.variables:
        for own in variable.arrays(group.blocks, group.particles).values():
            own_coordinates(target, own, group.study.landscape.labels)
    if group.statistics:
        lay_out_statistics(target, group, array)
    for variable in () if group.statistics else group.variables:
        for name, own in variable.arrays(group.blocks, group.particles).items():
            sizes, said = tuple(own.values()), texts(variable, name)
            array(name, [*run_dims, "step", *own], (*run_shape, steps, *sizes), (*chunk, step_chunk, *sizes), float("nan"), dtype, **said)
    if len(group.state_steps):
        size = group.whole_state_size
        vector(target, "state_step", group.state_steps, ("state_step",))
        array(
            "state", [*run_dims, "state_step", "number"], (*run_shape, len(group.state_steps), size), (*chunk, 1, size), float("nan"), dtype
        )
    array("last_step", run_dims, run_shape, chunk, -1, "int64")
    array("status", run_dims, run_shape, chunk, 0, "int8")
    for look in looks(group):
        lay_out_probe(target, look)


def lay_out_probe(target: Any, look: Look) -> None:
    """Create the group of a probe below its group, its coordinates and its arrays, empty."""
    along = {name: found for one in look.arrays.values() for name, found in one.along.items()}
    attributes = {"kind": look.probe.kind, "probe": look.probe.spec} | ({"coordinates": " ".join(along)} if along else {})
    made = target.require_group(FOLDER).create_group(look.probe.name, attributes=attributes)
    lead = [look.sizes[name] for name in look.kept], [look.chunk[name] for name in look.kept]
    if STEP in look.kept:
        vector(made, STEP, look.steps, (STEP,))

    def array(name: str, dims: Mapping[str, int], kind: str, fill: Any, text: str, units: str) -> None:
        own = list(dims.values())
        made.create_array(
            name,
            shape=(*lead[0], *own),
            chunks=(*lead[1], *own),
            dtype=kind,
            fill_value=fill,
            dimension_names=[*look.kept, *dims],
            attributes={"long_name": text, "units": units},
            compressors=codec(kind, look.group.study.record.compression),
        )

    for name, one in look.arrays.items():
        for dim, size in one.dims.items():
            if dim not in made and dim not in look.inherited:
                vector(made, dim, np.asarray(one.coords.get(dim, range(size))), (dim,))
        array(name, one.dims, "float64", float("nan"), one.text or name.replace("_", " "), one.units)
    for name, (dim, values) in along.items():
        vector(made, name, np.asarray(values), (dim,))
    array(DONE, {}, "int8", 0, TEXTS[DONE], "1")


def texts(variable: Variable, array: str, statistic: str = "") -> dict[str, str]:
    """What people read of a variable's array: what it is, of which block, and which statistic."""
    block = array.removeprefix(variable.name).removeprefix("_")
    words = [variable.text, *([block] if block else []), *([f"{statistic} over the seeds"] if statistic else [])]
    squared = statistic == "var" and variable.units != "1"
    return {"long_name": ", ".join(words), "units": f"({variable.units})^2" if squared else variable.units}


def own_coordinates(target: Any, dims: Mapping[str, int], labels: "tuple[str, ...] | None") -> None:
    """The coordinates of a variable's own dimensions, where the group has not got them yet; the components of a formula have `labels`."""
    for name, size in dims.items():
        if name not in target:
            vector(target, name, np.asarray(labels if labels and name == "dim" else range(size)), (name,))


def lay_out_statistics(target: Any, group: Group, array: Any) -> None:
    """The arrays of statistics over the seeds: `loss_mean`, `params_var`, ... (sweep dims, step, own dims), and `final_loss` per run."""
    record, dims = group.study.record, [dim.name for dim in group.dims]
    shape, chunk, steps, step_chunk = group.shape[:-1], group.chunk[:-1], len(group.steps), group.step_chunk
    if "quantiles" in record.stats:
        vector(target, "quantile", np.asarray(record.quantiles), ("quantile",))
    for variable in group.variables:
        for name, own in variable.arrays(group.blocks, group.particles).items():
            for statistic in record.stats:
                last, extra = (["quantile"], (len(record.quantiles),)) if statistic == "quantiles" else ([], ())
                sizes, chunks = (*shape, steps, *own.values(), *extra), (*chunk, step_chunk, *own.values(), *extra)
                said = texts(variable, name, statistic)
                array(f"{name}_{statistic.removesuffix('s')}", [*dims, "step", *own, *last], sizes, chunks, float("nan"), "float64", **said)
    array("count", [*dims, "step"], (*shape, steps), (*chunk, step_chunk), 0, "int64")
    if "loss" in group.recorded:
        array("final_loss", [*dims, "seed"], group.shape, group.chunk, float("nan"), group.precision)


def coordinates(target: Any, dim: Dim) -> None:
    """The real values of a sweep as coordinates; zipped sweeps share the dimension."""
    for name, (owner, path, sweep) in zip(dim.names, dim.sweeps, strict=True):
        numeric = all(isinstance(v, (int, float)) for v in sweep.values)
        values = np.asarray(sweep.values) if numeric else np.asarray([str(v) for v in sweep.labels])
        field = ".".join(path)
        vector(target, name, values, (dim.name,), {"long_name": f"{field} of the {owner}", "owner": owner, "field": field})


def vector(target: Any, name: str, values: np.ndarray, dims: tuple[str, ...], attributes: Mapping[str, str] | None = None) -> None:
    """A small coordinate array, written at once."""
    attributes = {"long_name": TEXTS.get(name, name), "units": "1", **(attributes or {})}
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
