"""a != b: whether a and b differ, entry by entry."""

from ..program.function import Comparison


class NotEqual(Comparison):
    """a != b, entry by entry. Its slope is 0. NaN compares as IEEE arithmetic has it."""

    name = "not_equal"
    ufunc = "not_equal"
    examples = ("x != v",)
