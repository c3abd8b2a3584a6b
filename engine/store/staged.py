"""The store of a study of stages: a group a stage, each a whole store of its own, and at the root the stages in their order."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...specs.claim import Claim
from ...specs.errors import SpecError, StoreError
from ...specs.init import Mix
from ...specs.load import validate
from ...specs.plain import Source
from ...specs.stages import Stage, Stages, names_of_stores
from ...specs.study import Study
from . import location
from .lock import exists
from .open import open_root, study_in, without_zarr_warnings
from .provenance import FORMAT_VERSION, OWN_VERSION, differing_fields, same_version
from .replace import begin
from .zarr_stores import zarr_store


def place_of(target: "str | Path", stage: str) -> str:
    """Where the store of a stage is."""
    return f"{str(target).rstrip('/')}/{stage}"


def located(study: Study, target: "str | Path") -> Study:
    """The study of a stage with the stores of other stages in the place of their names."""
    if not names_of_stores(study):
        return study
    root = str(target) if location.remote(target) else str(location.real(target))
    changed: dict[str, Any] = {}
    if study.branch is not None:
        changed["branch"] = study.branch.model_copy(update={"store": place_of(root, study.branch.store)})
    if isinstance(study.init, Mix):
        moved = tuple(one if isinstance(one, str) else one.model_copy(update={"store": place_of(root, one.store)}) for one in study.init.of)
        changed["init"] = study.init.model_copy(update={"of": moved})
    if stored := study.landscape.stored:
        uses = {name: used.model_copy(update={"store": place_of(root, used.store)}) for name, used in stored.items()}
        changed["landscape"] = study.landscape.replace({("uses",): uses})
    return study.model_copy(update=changed)


def attributes(stages: Stages) -> dict[str, Any]:
    """The attributes of the root."""
    listed = [{"name": s.name, "from": s.origin, "needs": list(s.needs), "study": s.study.model_dump(mode="json")} for s in stages.stages]
    return {
        "thalweg_format": FORMAT_VERSION,
        "thalweg_version": OWN_VERSION,
        "stages": json.dumps(listed),
        "claims_across": json.dumps([claim.model_dump(mode="json") for claim in stages.claims]),
        "part": stages.part,
        "name": stages.name,
        "title": stages.title or stages.name,
        "source": stages.source,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": 0,
    }


def create(target: "str | Path", stages: Stages, overwrite: bool) -> None:
    """Write the root of a new store. Raises StoreError if something is there that must stay."""
    import zarr
    from zarr.storage import MemoryStore

    if exists(target):
        if not overwrite:
            raise StoreError(f"{target}: exists already; use --overwrite to replace it, --resume to finish it, or another --out")
        try:
            open_root(target)
        except StoreError as error:
            raise StoreError(f"{error}, so --overwrite does not touch it; choose another --out") from None
    files: dict[str, Any] = {}
    zarr.create_group(MemoryStore(files), zarr_format=3, attributes=attributes(stages))
    with without_zarr_warnings(), location.reached(target, "written"):
        begin(target, files)


def resume(target: "str | Path", stages: Stages) -> None:
    """Raises StoreError unless these are the stages of the store there."""
    root = open_root(target)
    if not is_staged(root.attrs):
        raise StoreError(f"{target}: holds a study without stages; choose another --out, or --overwrite")
    same_version(root, target)
    begun = {stage.name: stage.study.model_dump(mode="json") for stage in stages_in(root.attrs, target).stages}
    wanted = {stage.name: stage.study.model_dump(mode="json") for stage in stages.stages}
    if [*wanted] != [*begun]:
        raise StoreError(
            f"{target}: holds other {stages.part}s: {', '.join(begun)}, and not {', '.join(wanted)}; choose another --out, or --overwrite"
        )
    for name, study in wanted.items():
        if differing := differing_fields(begun[name], study):
            raise StoreError(
                f"{target}: holds another study, whose {stages.part} {name} differs in: {', '.join(differing)}; choose another --out, or --overwrite"
            )


def finish(target: "str | Path") -> None:
    """Note that all stages are complete, if they are, and gather all metadata in one place, so that opening takes one read."""
    import zarr

    root = open_root(target, mode="r+")
    names = [stage.name for stage in stages_in(root.attrs, target).stages]
    done = all(name in root and root[name].attrs.get("complete") for name in names)
    with without_zarr_warnings(), location.reached(target, "written"):
        root = zarr.consolidate_metadata(zarr_store(target))
        root.attrs["complete"] = int(done)


def is_staged(attributes: Mapping[str, Any]) -> bool:
    """Whether these are the attributes of the root of such a store."""
    return "stages" in attributes


def stages_in(attributes: Mapping[str, Any], target: Any) -> Stages:
    """The stages of a store with these root attributes. Raises StoreError if they cannot be read."""
    try:
        listed = json.loads(str(attributes["stages"]))
        made = [Stage(one["name"], validate(Source("study", one["study"])), one["from"], tuple(one["needs"])) for one in listed]
        claims = tuple(Claim.model_validate(one) for one in json.loads(str(attributes.get("claims_across", "[]"))))
    except (KeyError, ValueError, TypeError) as error:
        reason = f": {str(error).splitlines()[0]}" if isinstance(error, SpecError) else ""
        raise StoreError(f"{target}: the stages in its attributes cannot be read here{reason}") from None
    name, title, source = (str(attributes.get(key, "")) for key in ("name", "title", "source"))
    return Stages(name, title, source, tuple(made), claims, str(attributes.get("part", "stage")))


def stage_names(target: "str | Path") -> list[str]:
    """The names of the stages of a store, those that were begun; none if it has no stages."""
    root = open_root(target)
    if not is_staged(root.attrs):
        return []
    return [str(one["name"]) for one in json.loads(str(root.attrs["stages"])) if one["name"] in root]


def stored(target: "str | Path") -> "dict[str, Any] | Stages":
    """What a store holds the runs of: a study as plain data, or stages. Raises StoreError if it is neither."""
    attributes = open_root(target).attrs
    return stages_in(attributes, target) if is_staged(attributes) else study_in(attributes, target)
