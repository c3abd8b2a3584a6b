"""A rule on another kind of arrays: the same code, with `np` bound to another namespace."""

import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PACKAGE = __name__.split(".")[0]


def rebound(function: Any, xp: Any, replacements: Mapping[Callable[..., Any], Callable[..., Any]] | None = None) -> Any:
    """A function, and the helpers of this package that it calls, with `np` bound to this namespace.

    Parameters
    ----------
    function: written with `np.` functions.
    xp: the namespace; NumPy itself gives the function as it is.
    replacements: helper -> what is called in its place, which is not rebound.

    Returns
    -------
    A new function with the same code.
    """
    if xp is np:
        return function
    replacements = replacements or {}
    scope = dict(function.__globals__)
    inner = [c for c in function.__code__.co_consts if isinstance(c, types.CodeType)]  # generator expressions
    for name in {n for code in (function.__code__, *inner) for n in code.co_names}:
        value = scope.get(name)
        if isinstance(value, types.FunctionType) and value.__module__.split(".")[0] == PACKAGE:
            scope[name] = replacements.get(value) or rebound(value, xp, replacements)
    return types.FunctionType(function.__code__, {**scope, "np": xp}, function.__name__, function.__defaults__)
