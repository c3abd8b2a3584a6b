"""What the views' tables are made of: short texts for people, and the sentences that several of their notes have."""

from typing import Any

import numpy as np

from ..results.best import rule
from ..text.tables import Column


def problem_column(dataset: Any, times: int = 1) -> list[Column]:
    """Which problem, where there are several; `times` rows each."""
    if len({*dataset["problem"].values}) == 1:
        return []
    return [Column("problem", [str(p) for p in np.repeat(dataset["problem"].values, times)], text=True)]


def left_out(dataset: Any) -> str:
    gone = dataset.attrs.get("left_out")
    return f"left out, as they did not run on every problem: {gone}" if gone else ""


def choices(dataset: Any) -> str:
    """How hyperparameters were chosen, in words."""
    if "chosen" not in dataset:
        return ""
    text = rule({str(name): str(way) for name, way in zip(dataset["optimizer"].values, dataset["chosen"].values, strict=True)})
    highest, by, value = dataset.attrs.get("best") == "max", dataset.attrs.get("by", "loss"), dataset.attrs.get("value", "loss")
    text = text.replace("the lowest median final loss", f"the {'highest' if highest else 'lowest'} median final {by}")
    text = text.replace("counted as infinite", "counted as worst") if highest else text
    return text if value == "loss" else f"final {value}; {text}" if text else f"final {value}"


def words(values: Any) -> list[str]:
    return [str(v) or "-" for v in values.values]


def counts(values: Any) -> list[str]:
    return [f"{int(v):,}" for v in values.values.ravel()]


def number(value: float) -> str:
    """Four significant digits, or the word for what is no number."""
    if np.isnan(value):
        return "not run yet"
    return "diverged" if np.isinf(value) else f"{value:.4g}"


def never(value: float) -> str:
    """Steps for people."""
    if np.isnan(value):
        return "not run yet"
    return "never" if np.isinf(value) else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def chance(value: float) -> str:
    """A p value for people."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
