"""An operation in simpler ones: as its file says it is `made_of`, else by calling its `value` with nodes in place of arrays."""

from typing import Any

import numpy as np

from ....specs.program.node import Node
from ....specs.program.numpy_functions import Untraceable
from ....specs.program.trace import trace
from .refusal import NotFusable


class Arrays:
    """NumPy's functions, with those of the array API that NumPy does not hand on to what is traced."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def astype(a: Any, dtype: Any) -> Any:
        return a.astype(dtype)


def written_out(n: Node, precision: str) -> Node:
    """The node in simpler functions. Raises NotFusable where it is made of none."""
    if (simpler := n.function.made_of(n, *n.args)) is not None:
        return simpler
    try:
        names = {str(k): a for k, a in enumerate(n.args)}
        (made,) = trace(lambda *args: n.function.value(Arrays(), n, *args), names, {}, precision)
    except (Untraceable, NotImplementedError, TypeError, AttributeError, ValueError, LookupError):
        raise NotFusable(f"no compiled form of {n.function.name}") from None
    if made.shape != n.shape or made is n:
        raise NotFusable(f"no compiled form of {n.function.name}")
    return made
