"""a <= b: whether a is not larger, entry by entry; b >= a is the same."""

from ..program.function import Comparison


class LessEqual(Comparison):
    """a <= b, entry by entry. Its slope is 0. NaN compares as IEEE arithmetic has it."""

    name = "less_equal"
    ufunc = "less_equal"
    examples = ("x <= v",)
