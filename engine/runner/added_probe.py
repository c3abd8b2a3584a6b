"""A probe that is added to a store when its runs are over."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...specs.errors import SpecError, StoreError
from ...specs.messages import dotted
from ...specs.messages import problems as what_is_wrong
from ...specs.probe import Probe, wrong
from ...specs.registry import PROBES
from ...specs.study import Study
from ..plan import plan
from ..progress import Progress
from ..store import location
from ..store.layout import as_stored
from ..store.lock import locked
from ..store.look import Look
from ..store.open import open_root, read_study
from ..store.probes import lay_down, remove, stored_looks, todo
from ..store.provenance import same_version
from ..store.store import Store
from .probes import probe_runs


def add_probe(
    target: "str | Path", given: dict[str, Any], overwrite: bool = False, threads: int | None = None, progress: Progress | None = None
) -> bool:
    """Look at the runs of a complete store, and store what is seen beside them; one that was cut off is finished.

    Parameters
    ----------
    target
        The store.
    given
        The probe as in a study: {kind: ..., fields}.
    overwrite
        Replace a probe of this name.
    threads
        Pieces computed at a time; by default one a core.
    progress
        Is told how far it is.

    Returns
    -------
    Whether there was anything to do.

    Raises
    ------
    SpecError
        The probe cannot look at these runs.
    StoreError
        The store's runs are not finished, or it has another probe of this name.
    """
    with locked(target):
        root = open_root(target, mode="r+")
        study = read_study(root.attrs, target)
        same_version(root, target, "look at it")
        planned = as_stored(plan(study), root)
        wanted = parsed(given, study)
        if Store(root, planned, str(target)).todo():
            raise StoreError(f"{target}: its runs are not finished; `thalweg run {target} --resume` finishes them")
        stored = [look for look in stored_looks(root, planned) if look.probe.name == wanted.name]
        looks = [Look(group, wanted) for group in planned.groups if wanted.looks_at(group.optimizer)]
        for look in looks:
            _ = look.consumed, look.arrays
        if other := next((look.probe for look in stored if look.probe != wanted), None):
            in_study = wanted.name in {own.name for own in study.probes}
            if in_study or not overwrite:
                instead = "it is the study's own: give this one another --name" if in_study else "use --overwrite, or another --name"
                differs = differing(other, wanted)
                raise StoreError(f"{target}: has a probe '{wanted.name}' with other settings, it differs in: {differs}; {instead}")
        with location.reached(target, "written"):
            if stored and not overwrite and root.attrs.get("complete") and not any(todo(root, look) for look in looks):
                return False
            root.attrs["complete"] = 0
            if overwrite:
                remove(root, stored)
            lay_down(root, [look for look in looks if overwrite or look.path not in {have.path for have in stored}])
        store = Store(open_root(target, mode="r+"), planned, str(target))
        probe_runs(store, progress, threads)
        store.finish(0.0)
    return True


def parsed(given: dict[str, Any], study: Study) -> Probe:
    """The probe of this plain data, checked against the study. Raises SpecError."""
    try:
        kind = PROBES.load(given["kind"])
    except (LookupError, ImportError) as error:
        raise SpecError(f"probe: {error.args[0]}") from None
    try:
        made = kind.model_validate(given)
    except ValidationError as error:
        found = what_is_wrong(given, error, kind.model_fields)
        raise SpecError([f"probe: {dotted(path)}{': ' if path else ''}{message}" for path, message in found]) from None
    if found := list(wrong(study, made)):
        raise SpecError(found)
    return made


def differing(one: Probe, other: Probe) -> str:
    """The fields in which two probes differ, for a message."""
    mine, theirs = one.model_dump(mode="json"), other.model_dump(mode="json")
    return ", ".join(sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)))
