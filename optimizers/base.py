"""The contract of an optimizer that is a rule. What every optimizer declares is in specs/optimizer.py.

A rule is a static method `update(x, g, *state, *inputs) -> (x, *state)` of arrays that broadcast, written with `np.` functions and
nothing else (docs/howto/own_optimizer.md lists them). Called with nodes in the place of arrays it becomes a program (_rule.py), which runs on
NumPy's and CuPy's; its source compiles into fused kernels. Its argument names say what it needs: `x` the point, `g` the (noisy, clipped)
gradient, the names in `state`, and then any of

    t       the number of this update, 1, 2, ...
    xi      standard normal noise of the shape of x, of the optimizer's own stream
    lr      the learning rate times the schedule's factor at this update, and times the variable's own where `lr_scale` has one: (..., dim)
    loss    the value at the consensus, of particles
    a field its value, per run where the field is Swept, a plain Python value where it is not
    a key of constants(), its array

Branch with `if` only on plain fields (flags, names); use np.where on arrays. The length of a vector is norm(v) and its direction unit(v), which
neither overflow nor vanish where the vector itself does not.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..specs.optimizer import Optimizer

__all__ = ["ElementwiseOptimizer", "Optimizer", "RuleOptimizer", "VectorOptimizer", "norm", "unit"]


def norm(v: Any) -> Any:
    """|v| of v (..., dim), as (..., 1): of v divided by its largest component, so that no square overflows or vanishes."""
    size = np.max(np.abs(v), axis=-1, keepdims=True)
    size = np.where((size > 0) & np.isfinite(size), size, 1.0)
    v = v / size
    return size * np.sqrt(np.sum(v * v, axis=-1, keepdims=True))


def unit(v: Any) -> Any:
    """v / |v| of v (..., dim), whatever the size of its components; NaN where v is 0."""
    v = v / np.max(np.abs(v), axis=-1, keepdims=True)
    return v / np.sqrt(np.sum(v * v, axis=-1, keepdims=True))


class RuleOptimizer(Optimizer):
    """An optimizer with a rule `update(x, g, *state, *inputs) -> (x, *state)`; states are shaped as x."""

    head: ClassVar[tuple[str, ...]] = ("x", "g")
    """What the rule's arguments begin with."""

    @staticmethod
    def update(*args: Any) -> Any:
        raise NotImplementedError

    def constants(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Arrays that the rule takes besides its fields, by the name of its argument; made once, for a landscape with these blocks."""
        return {}

    @classmethod
    @functools.cache
    def inputs(cls) -> tuple[str, ...]:
        """The names of the rule's arguments after x, g and the state."""
        names = tuple(inspect.signature(cls.update).parameters)
        head = (*cls.head, *cls.state)
        if names[: len(head)] != head:
            raise TypeError(f"{cls.__name__}.update must begin with ({', '.join(head)}), it begins with ({', '.join(names[: len(head)])})")
        return names[len(head) :]


class ElementwiseOptimizer(RuleOptimizer):
    """An optimizer whose rule acts on each component alone; with a formula it compiles into a fused kernel."""


class VectorOptimizer(RuleOptimizer):
    """An optimizer whose rule sees the whole point, x and g (..., dim), and may take norms and inner products over the last axis."""
