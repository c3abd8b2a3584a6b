"""Nested loops over places: which axes are one loop, and the text of their heads and of the distances within."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ....specs.program.node import Node
from .places import Place


@dataclass(frozen=True)
class Axis:
    """One loop: how often, and how far each of the places moves."""

    size: int
    strides: tuple[int, ...]


def nest(shape: tuple[int, ...], strides: Sequence[tuple[int, ...]], keep_last: bool = False, start: int = 0) -> list[Axis]:
    """The loops over a shape, where each of the places moves so; axes that all of them see as one are one loop."""
    axes = [Axis(n, tuple(s[k] for s in strides)) for k, n in enumerate(shape) if n != 1]
    made: list[Axis] = []
    for axis in axes:
        last = axis is axes[-1]
        if made and not (keep_last and last):
            outer = made[-1]
            if all(s == t * axis.size for s, t in zip(outer.strides, axis.strides, strict=True)):
                made[-1] = Axis(outer.size * axis.size, axis.strides)
                continue
        made.append(axis)
    return made


def opened(axes: Sequence[Axis], depth: int = 0, first: int = 0, sizes: Sequence[int] | None = None) -> tuple[list[str], int]:
    """The heads of the loops, and how deep what is in them stands."""
    lines = []
    for k, axis in enumerate(axes):
        size = axis.size if sizes is None else sizes[k]
        lines.append("    " * (depth + k) + f"for i{first + k} in range({size}):")
    return lines, depth + len(axes)


def indented(lines: Sequence[str], depth: int = 1) -> list[str]:
    """These lines so many levels further in."""
    return ["    " * depth + line for line in lines]


def offset_text(axes: Sequence[Axis], place: int, first: int = 0) -> str:
    """The distance of an entry from where its array begins."""
    terms = []
    for k, axis in enumerate(axes):
        stride = axis.strides[place]
        if stride:
            terms.append(f"i{first + k}" if stride == 1 else f"i{first + k} * {stride}")
    return " + ".join(terms) or "0"


def repeated(strides: tuple[int, ...], shape: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array of this shape where it is repeated to another."""
    front = len(to) - len(shape)
    return (*(0,) * front, *(s if n != 1 else 0 for s, n in zip(strides, shape, strict=True)))


def entry(shape: tuple[int, ...], strides: tuple[int, ...]) -> str:
    """The distance of entry number k, in the order of rows."""
    terms, inner = [], math.prod(shape)
    for n, stride in zip(shape, strides, strict=True):
        inner //= n
        if stride:
            terms.append(f"k // {inner} % {n} * {stride}")
    return " + ".join(terms) or "0"


def typed(a: Node, text: str) -> str:
    """A stored number as what it stands for."""
    return f"({text} != F(0.0))" if a.kind == "bool" else text


def pointer(place: Place) -> str:
    """The text of a pointer to a place."""
    return f"at({place.base}, {place.offset})" if place.offset else place.base


def literal(value: float) -> str:
    """A number written out."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    return f"F({value!r})"
