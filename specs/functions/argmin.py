"""argmin(x), argmin(x, axis): the index of the smallest entry, from 0."""

from typing import Any

from ..program.node import Node
from .argmax import Argmax


class Argmin(Argmax):
    """The index of the smallest entry along one axis, or among all in the order of rows: a whole number, without a gradient. Of equal ones the
    first; the first NaN if there is one."""

    name = "argmin"
    examples = ("argmin(x)", "argmin(x, axis=1)", "argmin(x, axis=0, keepdims=True)", "argmin(k)")
    word = "smallest"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.argmin(arrays[0], axis=made.option("axis"))
