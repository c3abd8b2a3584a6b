"""Branches: a stored study that goes on from one of its steps under changed settings, on the same noise."""

from collections.abc import Iterable
from pathlib import Path

from ..specs.load import load_study
from ..specs.study import Study
from .places import remote
from .store import stored_study

WHOLE = ("claims", "quick", "source", "description")
"""What is said of the whole study, and need not hold of a branch."""


def branched(store: "str | Path", at: int, settings: Iterable[str] = ()) -> Study:
    """The study of this store, from step `at` on, with `settings` (KEY=VALUE) changed. Raises SpecError or StoreError.

    States of that step must be stored: `record: {state: [at]}`.
    """
    data = {key: value for key, value in stored_study(store).items() if key not in WHOLE}
    place = str(store) if remote(store) else str(Path(store).absolute())
    data |= {"name": f"{data['name'][:80]}_at{at}", "title": f"{data.get('title') or data['name']}, branched at step {at}"}
    return load_study(data | {"branch": {"store": place, "at": at}}, settings)
