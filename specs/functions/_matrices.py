"""What functions of matrices share: square ones, the symmetric part, and routines that refuse one matrix without losing the others."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..program.function import as_float, reshaped
from ..program.node import Node, Wrong, apply, broadcast


def square(function: str, A: Node, *others: Node) -> Node:
    """A as numbers. Raises Wrong if it is no square matrix, or stack of such."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise Wrong(f"{function} takes a square matrix, and {{0}} is not one", A, *others)
    return as_float(A)


def symmetric(A: Node) -> Node:
    """(A + A.T)/2."""
    return 0.5 * (A + apply("T", A))


def columns(A: Node, by: Node) -> Node:
    """The columns of A, each times its number."""
    return A * reshaped(by, (*by.shape[:-1], 1, by.shape[-1]))


def rows(A: Node, by: Node) -> Node:
    """The rows of A, each times its number."""
    return A * reshaped(by, (*by.shape, 1))


def inverse_gaps(values: Node, gap: Callable[[Node, Node], Node]) -> Node:
    """The matrix 1/gap(v_i, v_j), 0 on the diagonal; infinite where two values are equal."""
    n = values.shape[-1]
    here, there = apply("arange", n), reshaped(apply("arange", n), (n, 1))
    same = apply("equal", there, here)
    between = gap(reshaped(values, (*values.shape, 1)), reshaped(values, (*values.shape[:-1], 1, n)))
    return apply("where", same, 0.0, 1.0 / apply("where", same, 1.0, between))


def each_matrix(xp: Any, routine: Callable[..., Any], shape: tuple[int, ...], first: Any, *others: Any) -> Any:
    """The routine on stacks of matrices. One that it refuses (singular, not positive definite), or that is not finite, gives NaN.

    Parameters
    ----------
    xp
        The namespace of the arrays.
    routine
        From stacks of matrices to one array; it may raise LinAlgError, then for all of them.
    shape
        The shape of what it makes of one matrix.
    first, others
        The stacks, whose axes before the last two broadcast.

    Returns
    -------
    The array that it makes, with the axes of the stacks in front.
    """
    finite = xp.all(xp.isfinite(first), axis=(-2, -1))
    sound = xp is np and finite.all()
    unit = xp.eye(*first.shape[-2:], dtype=first.dtype)
    held = (first if sound else xp.where(finite[..., None, None], first, unit), *others)
    nan = xp.asarray(math.nan, dtype=first.dtype)
    try:
        made = routine(*held)
    except np.linalg.LinAlgError:
        stack = broadcast([a.shape[:-2] for a in held]) or ()
        flat = [xp.reshape(xp.broadcast_to(a, (*stack, *a.shape[-2:])), (-1, *a.shape[-2:])) for a in held]
        parts = []
        for k in range(math.prod(stack)):
            try:
                parts.append(routine(*(a[k, :, :] for a in flat)))
            except np.linalg.LinAlgError:
                parts.append(xp.broadcast_to(nan, shape))
        made = xp.reshape(xp.stack(parts), (*stack, *shape))
    return made if sound else xp.where(finite[(..., *(None,) * len(shape))], made, nan)
