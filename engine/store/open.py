"""Opening a store, or refusing it in one line; the study that it holds."""

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...specs.errors import SpecError, StoreError
from ...specs.fence import stores_in
from ...specs.load import Source, validate
from ...specs.study import Study
from . import location
from .chunks import lost
from .layout import laid_out
from .lock import exists, is_store
from .provenance import FORMAT_VERSION, as_text
from .zarr_stores import zarr_store


@contextmanager
def without_zarr_warnings() -> Iterator[None]:
    """Zarr warns that strings and consolidated metadata are not in the v3 specification, and of files that others keep in a store; xarray
    reads the former, and nothing reads the latter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is not recognized as a component of a Zarr hierarchy.*")
        warnings.filterwarnings("ignore", message=".*(Zarr format 3 specification|Zarr V3 specification|not have a Zarr V3).*")
        yield


def open_root(target: "str | Path", mode: Any = "r") -> Any:
    """The root group of a thalweg store. Raises StoreError if it is none."""
    import zarr

    if not exists(target) and not (not location.remote(target) and location.path_of(target).is_dir()):
        raise StoreError(f"{target}: there is no such store")
    if not is_store(target):
        raise StoreError(f"{target}: is not a Zarr store (there is no zarr.json in it)")
    try:
        with without_zarr_warnings():
            root = zarr.open_group(zarr_store(target, read_only=mode == "r"), mode=mode, zarr_format=3, use_consolidated=False)
        version = root.attrs.get("thalweg_format")
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, OSError):
        raise StoreError(f"{target}: is not a Zarr store, or its zarr.json is damaged") from None
    if not isinstance(version, int) or isinstance(version, bool):
        raise StoreError(f"{target}: a Zarr store, but not one of thalweg's")
    if version > FORMAT_VERSION:
        raise StoreError(f"{target}: written by a newer thalweg (format {version}, this reads {FORMAT_VERSION})")
    return root


def gathered(root: Any) -> Any:
    """The same root with the metadata of everything below it, which a complete store has in one place; None if it has not."""
    import zarr

    if not root.attrs.get("complete"):
        return None
    whole = zarr.open_group(root.store, mode="r", zarr_format=3)
    return whole if whole.metadata.consolidated_metadata else None


@contextmanager
def legible(target: "str | Path") -> Iterator[None]:
    """What reading damaged metadata raises becomes a StoreError."""
    try:
        yield
    except StoreError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(f"{target}: its metadata are damaged; thalweg check {target} says where, and --repair puts them right") from None


def intact(root: Any, target: "str | Path") -> None:
    """Raises StoreError if a store is being replaced, or if a complete shard of it lacks a chunk. The names are listed, nothing is read."""
    if "clearing" in root.attrs:
        raise StoreError(f"{target}: a run that was to replace it was cut off; finish it with: thalweg run {target} --resume")
    for group in root.group_keys():
        if laid_out(root, group) and (gone := lost(root, group)):
            (mark, name), *_ = gone.items()
            where = f"{group}/{name}" if mark else f"the coordinate {group}/{name}"
            raise StoreError(
                f"{target}: is damaged: a chunk of {where} is missing{f', and {len(gone) - 1} more' * (len(gone) > 1)}; "
                f"compute it again with: thalweg run {target} --resume"
            )


def open_tree(path: "str | Path") -> Any:
    """A store as an xarray.DataTree, read lazily. Raises StoreError if it is not one, or lacks a chunk that it must have."""
    import xarray

    root = open_root(path)
    if "stages" in root.attrs:
        return open_stages(path, root)
    study = study_in(root.attrs, path)
    with without_zarr_warnings(), location.reached(path), legible(path):
        whole = gathered(root)
        intact(whole or root, path)
        tree = xarray.open_datatree(zarr_store(path, read_only=True), engine="zarr", consolidated=whole is not None)  # type: ignore[arg-type]
        tree.attrs = {name: as_text(value) for name, value in tree.attrs.items()} | {"study": json.dumps(study)}
        return tree


def open_stages(path: "str | Path", root: Any) -> Any:
    """A store of stages as one tree, a child a stage; only those that were begun."""
    import xarray

    names = [str(one["name"]) for one in json.loads(str(root.attrs["stages"]))]
    begun = {name: open_tree(f"{str(path).rstrip('/')}/{name}") for name in names if name in root}
    tree = xarray.DataTree(children=begun)
    tree.attrs = {name: as_text(value) for name, value in root.attrs.items()}
    return tree


def stored_study(target: "str | Path") -> dict[str, Any]:
    """The study a store holds, as plain data. Raises StoreError if it holds none."""
    return study_in(open_root(target).attrs, target)


def study_in(attributes: Mapping[str, Any], target: Any) -> dict[str, Any]:
    """The study in a store's root attributes, as plain data. Raises StoreError if it is none."""
    if "stages" in attributes:
        names = [str(one["name"]) for one in json.loads(str(attributes["stages"]))]
        raise StoreError(
            f"{target}: has {attributes.get('part', 'stage')}s, each of which is a store; name one: {', '.join(f'{target}/{name}' for name in names)}"
        )
    try:
        study = json.loads(str(attributes["study"]))
    except (KeyError, ValueError):
        study = None
    units = study.get("optimizers") if isinstance(study, dict) else None
    if not isinstance(study, dict) or not isinstance(units, list) or not all(isinstance(unit, dict) for unit in units):
        raise StoreError(f"{target}: the study in its attributes is {'damaged' if 'study' in attributes else 'missing'}; it cannot be read")
    for _, unit in stores_in(study):
        if unit["store"].startswith("../") and not location.remote(target):
            unit["store"] = os.path.normpath(os.path.join(location.real(target), unit["store"]))
    return study


def read_study(attributes: Mapping[str, Any], target: Any) -> Study:
    """The same as a Study. Raises StoreError, in one line, if it is none here: it may name a unit of a package that is not installed."""
    raw = study_in(attributes, target)
    try:
        return validate(Source("study", raw))
    except SpecError as error:
        first, *others = str(error).splitlines()
        more = f" (and {len(others)} more)" if others else ""
        raise StoreError(f"{target}: its study cannot be read here: {first.removeprefix('study: ')}{more}") from None
