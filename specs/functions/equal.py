"""a == b: whether a and b are equal, entry by entry."""

from ..program.function import Comparison


class Equal(Comparison):
    """a == b, entry by entry. Its slope is 0. NaN compares as IEEE arithmetic has it."""

    name = "equal"
    ufunc = "equal"
    examples = ("x == v", "y == 1")
