"""What came out, first on the page: one sentence, and the table of `thalweg compare`; of several problems ranks, with their diagram."""

import base64
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...specs.errors import SpecError, StoreError
from ..comparison.cells import chance, number
from ..comparison.entries import Entry, entries
from ..comparison.render import columns, note
from ..comparison.views import final, pairs, problems, ranks

MOST = 40
"""Problems from which on no table is shown."""


def result(sources: Sequence[Any]) -> dict[str, Any]:
    """The sentence, the table (titles, kinds and cells of its columns), what is said below it, and a diagram; empty where there is no loss."""
    try:
        found = entries(sources)
        several = len({one.problem for one in found}) > 1
        made = (problems.view(found) if several else final.view(found)).assign_attrs(view="problems" if several else "final")
    except (SpecError, StoreError):
        return {}
    if not found or (several and made.sizes["problem"] > MOST):
        return {}
    table = [{"title": one.title, "words": one.text or one.name, "minor": one.minor, "cells": list(one.cells)} for one in columns(made)]
    said = across(found) if several else alone(found)
    return {"sentence": said, "table": table, "notes": note(made).splitlines(), "diagram": diagram(sources) if several else {}}


def alone(found: Sequence[Entry]) -> str:
    """Which optimizer is lowest on the one problem, how it compares with the next, and how sure that is."""
    first, *others = found
    if not first.best.known:
        return "Every run diverged." if first.best.counts["diverged"] else "No run is finished yet."
    where = f" at {first.best.text}" if first.best.text else ""
    seeds = int(first.done.sum())
    counted = f"{seeds} held-out seeds" if first.best.chosen == "held out" else f"{seeds:,} seed{'s' * (seeds != 1)}"
    said = f"{first.group}{where} ends lowest, with a median loss of {number(first.best.median)} over {counted}"
    if not others:
        return said.replace(" ends lowest, with", " ends with") + "."
    second = others[0]
    if not second.best.known:
        return f"{said}; every run of {second.group} diverged." if second.best.counts["diverged"] else f"{said}."
    return f"{said}, before {second.group} with {number(second.best.median)}{surely(first, second)}."


def surely(first: Entry, second: Entry) -> str:
    """Whether the difference of two optimizers is more than chance; empty where there are no pairs of runs to tell by."""
    try:
        (p,) = pairs.view([first, second])["p"].values
    except (SpecError, ValueError):
        return ""
    said = f"p {chance(p)}" if p < 1e-4 else f"p = {p:.2g}"
    return f"; the difference is more than chance ({said})" if p < 0.05 else f"; chance could explain the difference ({said})"


def across(found: Sequence[Entry]) -> str:
    """Which optimizer has the best average rank over the problems, and which others cannot be told from it."""
    try:
        numbers = ranks.view(found)
    except SpecError:
        made = problems.view(found)
        return f"Over {made.sizes['problem']} problems {made['optimizer'].values[0]} has the lowest average rank, {float(made['average_rank'][0]):.2f}."
    first, rank = str(numbers["optimizer"].values[0]), float(numbers["rank"][0])
    alike = [name for name in str(numbers["clique"].values[0]).split(", ") if name != first]
    said = f"Over {numbers.attrs['count']} {numbers.attrs['blocks']} {first} has the best average rank, {rank:.2f}"
    if not alike:
        return f"{said}, better than every other by more than the critical difference."
    return f"{said}; Nemenyi's test cannot tell it from {', '.join(alike)}."


def diagram(sources: Sequence[Any]) -> dict[str, str]:
    """The critical-difference diagram in both themes, as addresses of SVG images; none where ranks have none."""
    from ..plot import plot

    made = {}
    with tempfile.TemporaryDirectory(prefix="thalweg-") as folder:
        for theme in ("light", "dark"):
            try:
                data = Path(plot(list(sources), "ranks", Path(folder) / f"{theme}.svg", theme=theme)).read_bytes()
            except (SpecError, StoreError):
                return {}
            made[theme] = f"data:image/svg+xml;base64,{base64.b64encode(data).decode()}"
    return made
