"""Numbers that a rule computes with before it touches an array: in float64, whatever the study's precision.

In float32 `1 - beta2` is 0 for beta2 = 0.99999999, and so is the correction by 1 - beta2^t that a moment is divided by. With Python's own
floats that does not happen: they are weak, computed with each other in float64, and with an array in the array's precision. A `Weak` is
the same for a column of them, one a sweep point. Rules call functions as `np.`; `Namespace` is what they get in its place.
"""

import operator
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any


class Weak:
    """Numbers `value` in float64 that join an array in its own precision, `dtype`."""

    __array_ufunc__ = None
    """So that NumPy's arrays leave operators to this class."""

    def __init__(self, value: Any, dtype: Any, xp: Any):
        self.value, self.dtype, self.xp = value, dtype, xp

    @cached_property
    def rounded(self) -> Any:
        """The array in the working precision."""
        return self.xp.astype(self.value, self.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def __getitem__(self, at: Any) -> "Weak":
        return Weak(self.value[at], self.dtype, self.xp)

    def like(self, value: Any) -> Any:
        """A result of weak numbers alone: weak again, unless it is a truth value."""
        return Weak(value, self.dtype, self.xp) if value.dtype == self.xp.float64 else value

    def combined(self, operation: Callable[[Any, Any], Any], other: Any, swapped: bool) -> Any:
        weak = isinstance(other, (Weak, int, float))
        mine, other = self.value if weak else self.rounded, other.value if isinstance(other, Weak) else other
        made = operation(other, mine) if swapped else operation(mine, other)
        return self.like(made) if weak else made

    def __neg__(self) -> "Weak":
        return Weak(-self.value, self.dtype, self.xp)

    __hash__ = None  # type: ignore[assignment]


def _operator(operation: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[[Weak, Any], Any]:
    return lambda self, other: self.combined(operation, other, swapped)


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Weak, f"__{_name}__", _operator(getattr(operator, _name)))
    setattr(Weak, f"__r{_name}__", _operator(getattr(operator, _name), swapped=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Weak, f"__{_name}__", _operator(getattr(operator, _name)))


class Namespace:
    """The functions of `xp`, for arrays and weak numbers."""

    def __init__(self, xp: Any):
        self.xp = xp

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.xp, name)
        if not callable(function) or isinstance(function, type):
            return function

        def call(*args: Any, **options: Any) -> Any:
            weak = next((a for a in args if isinstance(a, Weak)), None)
            if weak is None:
                return function(*args, **options)
            if any(getattr(a, "dtype", None) == weak.dtype for a in args if not isinstance(a, Weak)):
                return function(*(a.rounded if isinstance(a, Weak) else a for a in args), **options)
            return weak.like(function(*(a.value if isinstance(a, Weak) else a for a in args), **options))

        setattr(self, name, call)
        return call


@cache
def namespace(xp: Any) -> Namespace:
    """The functions of `xp` for arrays and weak numbers, made once."""
    return Namespace(xp)
