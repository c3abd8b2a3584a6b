"""What caches know a part of a study by."""

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Keyed(Generic[T]):
    """A value, equal to others where their texts are."""

    def __init__(self, value: T, text: tuple[Any, ...]):
        self.value, self.text = value, text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyed) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
