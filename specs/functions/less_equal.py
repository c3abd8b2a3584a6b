"""a <= b, entry by entry; its slope is 0."""

from ..program.function import Comparison


class LessEqual(Comparison):
    """a <= b, entry by entry. NaN compares as IEEE arithmetic has it."""

    name = "less_equal"
    ufunc = "less_equal"
    examples = ("x <= v",)
