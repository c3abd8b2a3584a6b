"""Which field of a study a coordinate holds the swept values of."""

from typing import Any

from ...specs.study import PARTS
from ..dims import FORKS

OWNERS = (*PARTS, "optimizer")
PROBLEM = (*PARTS, *FORKS)
"""Owners of what makes the problem: also where runs begin, and the seed of their noise."""


def swept_field(coordinate: Any) -> tuple[str, str]:
    """(owner, field) of a swept coordinate: ("landscape", "sharpness"), ("optimizer", "schedule.warmup"); ("", "") of another.

    They are the attributes `owner` and `field`. Stores written before those had the two as `long_name`.
    """
    attributes = coordinate.attrs
    if "owner" in attributes:
        return str(attributes["owner"]), str(attributes.get("field", ""))
    owner, _, field = str(attributes.get("long_name", "")).partition(" ")
    return (owner, field) if owner in OWNERS and field and " " not in field else ("", "")


def is_problem(coordinate: Any) -> bool:
    """Whether a swept coordinate belongs to the landscape, the noise or the start, which make the problem, or is one along which runs fork."""
    return swept_field(coordinate)[0] in PROBLEM


def is_hyperparameter(coordinate: Any) -> bool:
    """Whether a coordinate is a swept field of the optimizer."""
    return swept_field(coordinate)[0] == "optimizer"
