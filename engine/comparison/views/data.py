"""Data profiles: the fraction of the instances solved within a budget of simplex gradients (More and Wild 2009, doi:10.1137/080724083)."""

from collections.abc import Sequence
from typing import Any

from ...text.tables import Column
from ..entries import Entry
from ..profiles import ACCURACIES, fractions, powers, profile, profile_columns, profile_note, steps_heading


def view(found: Sequence[Entry], accuracies: Sequence[float] = ACCURACIES, budgets: Sequence[float] = ()) -> Any:
    """Data profile: `solved` (optimizer, accuracy, budget), the fraction of instances that an optimizer solved within `budget`
    simplex gradients: a gradient is one, dim + 1 evaluations of the loss are one. By default powers of two up to the largest budget."""
    budgets = list(budgets) or powers(float(max(one.dataset["step"].values[-1] * one.simplex for one in found)))
    solvers, solved, attributes = fractions(found, accuracies, budgets, lambda times, chosen: times * [one.simplex for one in chosen])
    return profile(solved, solvers, {"accuracy": list(accuracies), "budget": budgets}, attributes)


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    return profile_columns(dataset, "budget", steps_heading)


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    return profile_note(dataset, "fraction of instances solved within this many simplex gradients (Moré and Wild)")
