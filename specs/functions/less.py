"""a < b: whether a is smaller, entry by entry; b > a is the same."""

from ..program.function import Comparison


class Less(Comparison):
    """a < b, entry by entry. Its slope is 0. NaN compares as IEEE arithmetic has it."""

    name = "less"
    ufunc = "less"
    examples = ("x < v", "x > 0")
