"""Where the numbers of a node lie: an array of the generated code, an offset, and a distance for every axis. Views need no copies."""

import itertools
import math
from dataclasses import dataclass

from ....specs.program.node import Node


@dataclass(frozen=True)
class Place:
    """`base` is the name of an array of the generated code; `strides` has one distance an axis, in numbers, 0 where the axis has one entry or is
    repeated."""

    base: str
    offset: int
    strides: tuple[int, ...]


class Reused:
    """Memory whose parts are used again."""

    def __init__(self, size: int = 0):
        self.size = size
        self.free: list[tuple[int, int]] = []
        """(offset, size) of parts."""
        self.taken: list[tuple[int, int, int]] = []
        """(level that reads it last, offset, size)."""

    def place(self, size: int, level: int, last: int) -> int:
        """Where so many numbers lie that are made on one level and read last on another; to be asked for level by level."""
        self.free += [(offset, old) for end, offset, old in self.taken if end < level]
        self.taken = [one for one in self.taken if one[0] >= level]
        fitting = min((one for one in self.free if one[1] >= size), key=lambda one: one[1], default=None)
        if fitting:
            self.free.remove(fitting)
            if fitting[1] > size:
                self.free.append((fitting[0] + size, fitting[1] - size))
            offset = fitting[0]
        else:
            offset, self.size = self.size, self.size + size
        self.taken.append((last, offset, size))
        return offset


LINE = 16
"""Numbers, of four bytes, in a line of the cache."""


def whole_lines(count: int, lanes: int) -> int:
    """The memory to leave for so many numbers: whole lines of the cache. A vector that lies in two lines costs two accesses, which makes a product
    take up to one and a half times as long. Without vectors no more is left than there are numbers."""
    return -(-count // LINE) * LINE if lanes > 1 else count


VIEWS = {"T", "permute", "broadcast", "reshape", "index", "prod_part", "stop_gradient", "identity"}
"""Functions whose result is their argument's numbers, seen in another way."""


def row_major(shape: tuple[int, ...], lanes: int = 1) -> tuple[int, ...]:
    """The strides of an array whose last axis with more than one entry is padded to a multiple of `lanes`; 0 for axes with one entry."""
    strides, size, first = [], 1, True
    for n in reversed(shape):
        strides.append(size if n != 1 else 0)
        if n != 1:
            size *= -(-n // lanes) * lanes if first else n
            first = False
    return tuple(reversed(strides))


def numbers(shape: tuple[int, ...], lanes: int = 1) -> int:
    """How many numbers such an array takes."""
    if 0 in shape:
        return 0
    wide = [n for n in shape if n != 1]
    return math.prod(wide[:-1]) * (-(-wide[-1] // lanes) * lanes) if wide else 1


def seen(n: Node, place: Place) -> Place | None:
    """Where the numbers of the view n lie if those of its argument lie there; None if they are in no such order."""
    (arg,) = n.args
    strides = place.strides
    match n.function.name:
        case "stop_gradient" | "identity":
            return place
        case "T":
            return Place(place.base, place.offset, (*strides[:-2], strides[-1], strides[-2]))
        case "permute":
            return Place(place.base, place.offset, tuple(strides[k] for k in n.option("order")))
        case "broadcast":
            front = n.ndim - arg.ndim
            kept = (s if m == k else 0 for s, m, k in zip(strides, arg.shape, n.shape[front:], strict=True))
            return Place(place.base, place.offset, (*(0,) * front, *kept))
        case "reshape":
            found = reshaped(arg.shape, strides, n.shape)
            return None if found is None else Place(place.base, place.offset, found)
        case "index":
            return indexed(n, arg, place)
        case "prod_part":
            axis = arg.ndim + n.option("axis")
            return Place(place.base, place.offset + n.option("start") * strides[axis], ones_to_zero(n.shape, strides))
    raise AssertionError(n.function.name)


def indexed(n: Node, arg: Node, place: Place) -> Place:
    """Where x[at] lies."""
    offset, strides = place.offset, []
    for one, stride, size in zip(n.option("at"), place.strides, arg.shape, strict=True):
        if isinstance(one, tuple):
            taken = range(*slice(*one).indices(size))
            offset += taken.start * stride if len(taken) else 0
            strides.append(taken.step * stride)
        else:
            offset += one * stride
    return Place(place.base, offset, ones_to_zero(n.shape, tuple(strides)))


def ones_to_zero(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, 0 for axes with one entry."""
    return tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))


def reshaped(old: tuple[int, ...], strides: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides of the new shape on the same numbers; None if the entries are in no such order."""
    if 0 in old:
        return (0,) * len(new)
    source = [(n, s) for n, s in zip(old, strides, strict=True) if n != 1]
    made: list[int] = []
    wanted = [n for n in new if n != 1]
    i = j = 0
    while i < len(source):
        k, m = i + 1, j + 1
        size, goal = source[i][0], wanted[j]
        while size != goal:
            if size < goal:
                size, k = size * source[k][0], k + 1
            else:
                goal, m = goal * wanted[m], m + 1
        for (_, outer), (inner, stride) in itertools.pairwise(source[i:k]):
            if outer != inner * stride:
                return None
        stride = source[k - 1][1]
        group = []
        for n in reversed(wanted[j:m]):
            group.append(stride)
            stride *= n
        made += reversed(group)
        i, j = k, m
    rest = iter(made)
    return tuple(0 if n == 1 else next(rest) for n in new)
