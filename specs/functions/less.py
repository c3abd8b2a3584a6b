"""a < b, entry by entry; its slope is 0."""

from ..program.function import Comparison


class Less(Comparison):
    """a < b, entry by entry. NaN compares as IEEE arithmetic has it."""

    name = "less"
    ufunc = "less"
    examples = ("x < v", "x > 0")
