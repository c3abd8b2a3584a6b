"""The kernels' elementary functions over whole arrays, as a kernel calls them."""

import math
from typing import Any

import numpy as np
from numba import njit
from thalweg.engine.executors.cpu.elementary import float32 as single
from thalweg.engine.executors.cpu.elementary import float64 as double


def apply(name: str, x: np.ndarray, *more: np.ndarray) -> np.ndarray:
    """The function `name` at every element, as a kernel calls it: blocks of 64, redone with the library beyond the reach of sin, cos, tan.

    x and more are float32 or float64 arrays of one type and shape. Raises KeyError for an unknown name.
    """
    flat = [np.ascontiguousarray(a).reshape(-1) for a in (x, *more)]
    padded = [np.concatenate([a, np.ones(-len(a) % 64, a.dtype)]) for a in flat]
    out = np.empty_like(padded[0])
    _loop(name, x.dtype.name, len(flat))(*padded, out)
    return out[: x.size].reshape(x.shape)


def _loop(name: str, precision: str, arguments: int) -> Any:
    """The compiled loop behind `apply`."""
    key, functions = (name, precision), vars(single if precision == "float32" else double)
    if key not in _LOOPS:
        function = functions[name]
        exact = {"sin": math.sin, "cos": math.cos, "tan": math.tan}.get(name.partition("_")[0])
        exact = _whole_turns(function, precision) if name.endswith("_pi") else exact
        magnitude, reach = functions["magnitude"], functions["REACH"]
        _LOOPS[key] = _one(function, exact, magnitude, reach) if arguments == 1 else _two(function)
    return _LOOPS[key]


_LOOPS: dict[tuple[str, str], Any] = {}


def _whole_turns(function: Any, precision: str) -> Any:
    """sin_pi or cos_pi beyond the reach: of what is left of x after whole turns."""
    two, half = np.array([2, 0.5], precision)

    @njit(error_model="numpy")
    def exact(x):
        return function(x - two * np.rint(half * x))

    return exact


def _one(function: Any, exact: Any, magnitude: Any, reach: Any) -> Any:
    @njit(error_model="numpy")
    def near(x, out):
        for first in range(0, x.size, 64):
            for l in range(64):
                out[first + l] = function(x[first + l])

    if exact is None:
        return near

    @njit(error_model="numpy")
    def both(x, out):
        near(x, out)
        for first in range(0, x.size, 64):
            far = reach
            for l in range(64):
                far = max(far, magnitude(x[first + l]))
            for l in range(64 if far > reach else 0):
                out[first + l] = exact(x[first + l])

    return both


def _two(function: Any) -> Any:
    @njit(error_model="numpy")
    def near(x, y, out):
        for first in range(0, x.size, 64):
            for l in range(64):
                out[first + l] = function(x[first + l], y[first + l])

    return near
