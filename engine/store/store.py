"""The store: one Zarr v3 group an optimizer, dimensions named by swept fields, opened by xarray.open_datatree(path, engine="zarr").

Order of writing: the arrays with their metadata first, then shard by shard the data, and last the shard's `status`. So a status other
than 0 is the completion mark: it says that everything else of that run is there. Every chunk of a complete shard is written, also one that
holds nothing but NaN; one that is absent is lost, and reads as NaN.
"""

import hashlib
import itertools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import StoreError
from ...specs.status import Status
from ..plan import Plan, Shard
from ..text.sizes import bytes_for_people
from . import location
from .checkpoint import Checkpoint
from .chunks import lost
from .layout import amiss, as_stored, documents, group_notes, put
from .lock import exists, is_store
from .open import open_root, without_zarr_warnings
from .provenance import provenance, same_study, same_version
from .replace import begin, resume_clearing


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
        cls, target: "str | Path | None", plan: Plan, overwrite: bool = False, executors: Mapping[str, Any] | None = None
    ) -> "Store":
        """A new store with every array in place and no data yet; `target` None is memory. Raises StoreError."""
        import zarr
        from zarr.storage import MemoryStore

        with without_zarr_warnings():
            files = documents(plan, executors or {}, provenance(plan.study, target))
        if target is None:
            return cls(zarr.open_group(MemoryStore(files), mode="r+", zarr_format=3, use_consolidated=False), plan)
        prepare(target, overwrite, plan)
        with without_zarr_warnings(), location.reached(target, "written"):
            begin(target, files)
        return cls(open_root(target, mode="r+"), plan, str(target))

    @classmethod
    def resume(cls, target: "str | Path", plan: Plan, executors: Mapping[str, Any] | None = None) -> "Store":
        """An existing store of the same study, to be finished; `executors` are for groups whose arrays it has not got yet. Raises StoreError
        that names what differs. What is lost of its metadata and coordinates is put back."""
        root = open_root(target, mode="r+")
        same_study(root, plan.study, target)
        same_version(root, target)
        plan = as_stored(plan, root)
        with without_zarr_warnings(), location.reached(target, "written"):
            files = layout_of(root, plan, executors or {}, target)
            if "clearing" in root.attrs:
                resume_clearing(target, root, files)
            else:
                mend(root, files)
        return cls(open_root(target, mode="r+"), plan, str(target), cut=True)

    def checkpoint(self, shard: Shard, settle: Any) -> Checkpoint:
        """Where this shard's state is kept until it is complete."""
        if self.target is None or location.remote(self.target) or shard.group.statistics:
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

    def writer(self, shard: Shard) -> Any:
        """Name -> an array of the shard's group to write to. A chunk that holds nothing but NaN is written like any other: whether it does is
        not asked, the answer costs a third of compressing it, and a chunk that is absent is a lost one."""
        group = self.root[shard.group.name]
        return lambda name: group[name].with_config({"write_empty_chunks": True})

    def write(self, shard: Shard, start: int, stop: int, data: dict[str, Any]) -> None:
        """Records [start, stop) of a shard, counted from where its runs begin: variable -> (points, seeds, records, ...); of `state`, those of
        its own steps."""
        array, parts = self.writer(shard), shard.parts()
        before = shard.unseen_states if "state" in data else shard.unseen
        start, stop = start + before, stop + before
        if "state" in data:
            values = np.asarray(data["state"]).reshape(*shard.shape, stop - start, -1)
            array("state")[(*shard.box, slice(start, stop), slice(0, values.shape[-1]))] = values
            return
        for variable in shard.group.variables:
            numbers = np.asarray(data[variable.name]).reshape(*shard.shape, stop - start, -1)
            for name, sizes, where in variable.pieces(parts.landscape.blocks, parts.particles):
                box = (*shard.box, slice(start, stop), *map(slice, sizes))
                array(name)[box] = numbers[..., where].reshape(*numbers.shape[:-1], *sizes)

    def executors(self) -> dict[str, str]:
        """The executor of every group, as the store was begun."""
        return {group.name: str(self.root[group.name].attrs.get("executor", "array")) for group in self.plan.groups}

    def write_statistics(self, shard: Shard, blocks: list[tuple[int, int, dict[str, Any]]], final_loss: Any) -> None:
        """Statistics over the seeds: (first record, end, variable -> (points, records, ...)) each, and the final losses (points, seeds)."""
        array, points, parts = self.writer(shard), shard.shape[:-1], shard.parts()
        for first, end, data in blocks:
            start, stop = first + shard.unseen, end + shard.unseen
            box = (*shard.box[:-1], slice(start, stop))
            array("count")[box] = data["count"].reshape(*points, stop - start)
            for variable, kind in itertools.product(shard.group.variables, ("mean", "var", "quantile")):
                if (stored := data.get(f"{variable.name}_{kind}")) is None:
                    continue
                levels = stored.shape[-1:] if kind == "quantile" else ()
                numbers = stored.reshape(*points, stop - start, -1, *levels)
                for name, sizes, where in variable.pieces(parts.landscape.blocks, parts.particles):
                    part = numbers[..., where, :] if levels else numbers[..., where]
                    array(f"{name}_{kind}")[(*box, *map(slice, sizes))] = part.reshape(*points, stop - start, *sizes, *levels)
        if final_loss is not None:
            array("final_loss")[shard.box] = final_loss.reshape(shard.shape)

    def finish_shard(self, shard: Shard, status: Any, last_step: Any) -> None:
        """How the shard's runs ended; written last, it marks the shard as complete."""
        array = self.writer(shard)
        self.write_unseen(shard)
        array("last_step")[shard.box] = np.asarray(last_step).reshape(shard.shape)
        array("status")[shard.box] = np.asarray(status).reshape(shard.shape)

    def write_unseen(self, shard: Shard) -> None:
        """The records before the step at which the shard's runs begin: NaN, and of counts 0."""
        group, array = shard.group, self.writer(shard)
        box = shard.box[:-1] if group.statistics else shard.box
        for dim, count in (("step", shard.unseen), ("state_step", shard.unseen_states)):
            for name in self.root[group.name].array_keys() if count else ():
                dims = self.root[group.name][name].metadata.dimension_names
                if dim in dims[: len(box) + 1] and len(dims) > 1:
                    array(name)[(*box, slice(0, count))] = 0 if name == "count" else np.nan

    def reopen_shard(self, shard: Shard) -> None:
        """Take the completion mark away: the shard will be computed again."""
        if self.root.attrs.get("complete"):
            self.root.attrs["complete"] = 0
        self.root[shard.group.name]["status"][shard.box] = np.zeros(shard.shape, np.int8)

    def is_done(self, shard: Shard) -> bool:
        return bool(np.all(self.root[shard.group.name]["status"][shard.box] != Status.UNFINISHED))

    def todo(self) -> list[tuple[int, int, Shard]]:
        """Shards without a completion mark, each with the numbers of its group and of itself in the group. One that has its mark and lacks a
        chunk loses the mark and is among them."""
        made = []
        for g, group in enumerate(self.plan.groups):
            marks = location.keys(self.root[group.name]["status"])
            gone = lost(self.root, group.name) if marks else {}
            for k, shard in enumerate(group.shards()):
                key = shard.key
                if key in gone:
                    self.reopen_shard(shard)
                if key in gone or key not in marks:
                    made.append((g, k, shard))
        return made

    def finish(self, seconds: float) -> None:
        """Gather all metadata in one place, so that opening takes one read, and note the wall time and that the store is complete."""
        import zarr

        if self.target is not None and not location.remote(self.target):
            shutil.rmtree(checkpoint_folder(self.target), ignore_errors=True)
            if self.cut:
                location.tidy(self.target)
        before = float(self.root.attrs.get("wall_seconds", 0.0))
        with without_zarr_warnings():
            root = zarr.consolidate_metadata(self.root.store)
        root.attrs.update({"wall_seconds": round(float(seconds) + before, 3), "complete": 1})

    def tree(self) -> Any:
        """The store as an xarray.DataTree."""
        import xarray

        with without_zarr_warnings():
            return xarray.open_datatree(self.root.store, engine="zarr", consolidated=False)  # type: ignore[arg-type]


def layout_of(root: Any, plan: Plan, executors: Mapping[str, Any], target: "str | Path | None" = None) -> dict[str, Any]:
    """The files that a store of this plan has before there are data; a group that knows its executor keeps it."""
    known = {g.name: notes.get("executor") or executors.get(g.name, "array") for g in plan.groups if (notes := group_notes(root, g.name))}
    with without_zarr_warnings():
        return documents(plan, {**executors, **known}, provenance(plan.study, target))


def mend(root: Any, files: Mapping[str, Any]) -> None:
    """Put back what is lost of a store's metadata and coordinates. A group of which nothing says any more by which executor it was computed is
    computed again."""
    wrong = amiss(root.store, {key: held for key, held in files.items() if key != "zarr.json"}, bool(root.attrs.get("every_chunk")))
    for key in wrong:
        group = key.partition("/")[0]
        if key == f"{group}/zarr.json" and not group_notes(root, group):
            location.wait_for(root.store.delete_dir(f"{group}/status/c"))
    put(root.store, {key: files[key] for key in wrong})


def checkpoint_folder(target: "str | Path") -> Path:
    """The folder beside a store that holds the state of its unfinished shards."""
    path = location.real(target)
    return path.with_name(f".{path.name}.checkpoints")


def prepare(target: "str | Path", overwrite: bool, plan: Plan) -> None:
    """Refuse to replace an output unless told to, what is not thalweg's, or what the runs begin with; or to start what the disk cannot hold."""
    if exists(target):
        if not overwrite:
            if not is_store(target):
                raise StoreError(f"{target}: exists already, and is no store; choose another --out")
            raise StoreError(f"{target}: exists already; use --overwrite to replace it, --resume to finish it, or another --out")
        try:
            open_root(target)
        except StoreError as error:
            raise StoreError(f"{error}, so --overwrite does not touch it; choose another --out") from None
    branch = plan.study.branch
    if branch and location.same(branch.store, target):
        raise StoreError(f"{target}: is the store that the runs continue; choose another --out")
    if (free := location.free(target)) is not None and plan.bytes > free:
        raise StoreError(
            f"{target}: the study stores up to {bytes_for_people(plan.bytes)} and only {bytes_for_people(free)} are free; record fewer steps or variables"
        )
    if not location.remote(target):
        location.tidy(target)
