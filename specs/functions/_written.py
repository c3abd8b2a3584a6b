"""Sizes and whole numbers as they are written in calls: eye(n), one_hot(y, classes), zeros([n, 3])."""

from typing import Any

from ..program.node import Node, Wrong


def whole(function: str, what: str, a: Node, least: int | None = None) -> int:
    """The whole number that an argument is written as. Raises Wrong if it is none, or below the least that is allowed."""
    if not (a.is_number and a.number.is_integer()):
        raise Wrong(f"{function} takes {what} as a whole number made of literals and sizes")
    if least is not None and a.number < least:
        raise Wrong(f"{function} takes {what} of at least {least}, {a.number:.0f} given")
    return int(a.number)


def shape_of(function: str, shape: Any) -> tuple[int, ...]:
    """A shape given as an option. Raises Wrong if it is no list of sizes."""
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
        raise Wrong(f"{function} takes a shape, a list of whole numbers from 0: {function}([3, 4])")
    return shape
