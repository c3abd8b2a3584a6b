"""a < b, entry by entry; its slope is 0."""

from typing import Any

from ..program.function import Comparison


class Less(Comparison):
    """a < b, entry by entry. NaN compares as IEEE arithmetic has it."""

    name = "less"
    examples = ("x < v", "x > 0")

    def formula(self, xp: Any, a: Any, b: Any) -> Any:
        return a < b
