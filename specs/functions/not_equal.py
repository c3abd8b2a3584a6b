"""a != b, entry by entry; its slope is 0."""

from ..program.function import Comparison


class NotEqual(Comparison):
    """a != b, entry by entry. NaN compares as IEEE arithmetic has it."""

    name = "not_equal"
    ufunc = "not_equal"
    examples = ("x != v",)
