"""The runtime ECDF of COCO: the fraction of instances and targets reached within a number of steps (Hansen et al. 2021,
doi:10.1080/10556788.2020.1808977)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...text.tables import Column
from ..entries import Entry
from ..profiles import fractions, powers, profile, profile_columns, profile_note, steps_heading

TARGETS = 10.0 ** (-0.2 * np.arange(1, 41))
"""Accuracies: 40, five a decade as COCO has, from 0.63 to 1e-8 of the gap."""


def view(found: Sequence[Entry], accuracies: Sequence[float] = tuple(TARGETS), budgets: Sequence[float] = ()) -> Any:
    """Runtime ECDF: `solved` (optimizer, budget), the fraction of pairs of an instance and a target reached within `budget` steps.

    The targets are the losses that leave these fractions of the gap on each instance. COCO measures gaps from the known optimum, here it is
    the lowest loss that any optimizer reached on the instance; and no restarts are simulated."""
    budgets = list(budgets) or powers(float(max(one.dataset["step"].values[-1] for one in found)))
    solvers, solved, attributes = fractions(found, accuracies, budgets, lambda times, _: times)
    attributes["targets"] = f"{len(accuracies)} from {max(accuracies):.2g} to {min(accuracies):.2g} of the gap"
    return profile(solved.mean(1), solvers, {"budget": budgets}, attributes)


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    return profile_columns(dataset, "budget", steps_heading)


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    return profile_note(dataset, f"fraction of instances and targets reached within this many steps; targets: {dataset.attrs['targets']}")
