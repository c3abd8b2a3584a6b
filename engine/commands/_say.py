"""What the commands print beside tables: lines, and the commands that come next."""

import shlex
import sys
from importlib.util import find_spec

from ...specs.text import printable


def say(*lines: str, error: bool = False) -> None:
    """Print lines in which nothing acts on the terminal."""
    for line in lines:
        print(printable(line), file=sys.stderr if error else sys.stdout)


def command(*words: object) -> str:
    """A command of thalweg's that can be pasted into a shell.

    >>> command("plot", "my runs.zarr")
    "thalweg plot 'my runs.zarr'"
    """
    return shlex.join(["thalweg", *map(str, words)])


def to_look_at(store: object, *but: str) -> str:
    """The commands that can show what is in a store, or a list of stores, without those in `but`; where there is none, the one that checks it.

    Without a loss nothing can be compared, and what was not recorded cannot be drawn; a page needs plotly, and a picture the study's units.
    """
    from ...specs.errors import ThalwegError
    from ...specs.study import Study
    from ..plot.spectrum import drawable
    from ..store.open import stored_study
    from ..store.staged import stage_names

    if isinstance(store, list):
        if len(store) > 1:
            return ", ".join(command(name, *store) for name in ("compare", "plot") if name not in but)
        (store,) = store
    if stage_names(store):  # type: ignore[arg-type]
        names = [name for name in ("compare", "plot", *(["report"] if find_spec("plotly") else [])) if name not in but]
        return ", ".join(command(name, store) for name in names) or command("check", store)
    raw = stored_study(store)  # type: ignore[arg-type]
    try:
        study = Study.model_validate(raw)
    except (ThalwegError, ValueError, OSError):  # a plug-in or a data file is gone
        study = None
    record = raw.get("record") or {}
    variables, stats = record.get("variables"), record.get("stats") or ()
    loss = variables is None or "loss" in variables
    made = {"compare": [store]} if loss else {}
    if study and loss and (not stats or {"mean", "quantiles"} & {*stats}):
        made["plot"] = [store]
    elif study and not stats and not study.sweeps() and any(drawable(study)):
        made["plot"] = [store, "spectrum"]
    if find_spec("plotly"):
        made["report"] = [store]
    return ", ".join(command(name, *words) for name, words in made.items() if name not in but) or command("check", store)
