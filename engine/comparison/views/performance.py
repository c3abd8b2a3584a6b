"""Performance profiles: the fraction of instances on which an optimizer is within a factor of the fastest (Dolan and More 2002,
doi:10.1007/s101070100263)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...text.tables import Column
from ..entries import Entry
from ..profiles import ACCURACIES, fractions, profile, profile_columns, profile_note, step_ratios

RATIOS = (1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0, 32.0, 64.0, np.inf)
PICTURE = "profile"
"""The kind of picture that shows it."""


def view(found: Sequence[Entry], accuracies: Sequence[float] = ACCURACIES, ratios: Sequence[float] = RATIOS) -> Any:
    """Performance profile: `solved` (optimizer, accuracy, ratio), the fraction of instances that an optimizer solved within `ratio`
    times the steps of the fastest one, of which there is at least one. At ratio 1 it is how often it was the fastest, at infinity how
    often it solved the instance."""
    solvers, solved, attributes = fractions(found, accuracies, ratios, lambda times, _: step_ratios(times))
    return profile(solved, solvers, {"accuracy": list(accuracies), "ratio": list(ratios)}, attributes)


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    return profile_columns(dataset, "ratio", lambda ratio: "solved" if np.isinf(ratio) else f"{ratio:g}x")


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    return profile_note(dataset, "fraction of instances solved within this many times the steps of the fastest optimizer (Dolan and Moré)")
