"""Axes of reductions: given by number or by the name of a size, kept as numbers from the end, since axes for runs stand in front."""

from typing import Any

from .node import Node, Wrong


def from_end(x: Node, axis: Any) -> tuple[int, ...]:
    """The axes as negative numbers, increasing; None means all of them. Raises Wrong for an axis that x has not got, or has twice."""
    if axis is None:
        return tuple(range(-x.ndim, 0))
    found = []
    for one in axis if isinstance(axis, (tuple, list)) else (axis,):
        if isinstance(one, str):
            if x.axes.count(one) != 1:
                many = "no axis" if one not in x.axes else "more than one axis"
                raise Wrong(f"{{0}} has {many} named '{one:.60}'", x)
            found.append(x.axes.index(one) - x.ndim)
        elif isinstance(one, bool) or not isinstance(one, int) or not -x.ndim <= one < x.ndim:
            raise Wrong(f"{{0}} has no axis {one}; it has {x.ndim}, counted from 0", x)
        else:
            found.append(one if one < 0 else one - x.ndim)
    if len(set(found)) < len(found):
        raise Wrong("an axis of {0} is named twice", x)
    return tuple(sorted(found))


def one_from_end(x: Node, axis: Any) -> int:
    """One axis as a negative number. Raises Wrong if there is none, or more than one."""
    found = from_end(x, axis)
    if len(found) != 1:
        raise Wrong(f"one axis is needed, and {{0}} has {x.ndim}" if axis is None else "one axis is needed: one number or name", x)
    return found[0]


def axes_left(x: Node, axis: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without these axes."""
    return tuple(n for k, n in enumerate(x.shape) if k - x.ndim not in axis)


def kept(x: Node, axis: tuple[int, ...]) -> tuple[str, ...]:
    """The names of the axes without these."""
    return tuple(name for k, name in enumerate(x.axes) if k - x.ndim not in axis)
