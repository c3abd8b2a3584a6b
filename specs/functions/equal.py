"""a == b, entry by entry; its slope is 0."""

from ..program.function import Comparison


class Equal(Comparison):
    """a == b, entry by entry. NaN compares as IEEE arithmetic has it."""

    name = "equal"
    ufunc = "equal"
    examples = ("x == v", "y == 1")
