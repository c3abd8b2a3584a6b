"""The reference evaluation of a program: straight-line calls on arrays, of NumPy, CuPy or any namespace of the array API.

Every array has the shape of its node, with any axes for runs in front that broadcast against those of the others: data that all runs share
have none. What hangs on no input is computed once. NumPy writes over what is no longer needed (plan.py), and outputs where they are to be.
"""

import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from .function import FLOAT
from .node import Node
from .plan import Plan

SMALL = 4096
"""Arrays of fewer numbers than this are made anew: to look for memory to write over would take longer."""
COMPARED = 2**14
"""Bytes up to which lasting inputs are compared by value, larger ones by where they lie in memory: nobody writes into them."""
HELD_BYTES, HELD = 2**24, 16
"""What hangs on lasting inputs alone is held for the last values of them: so many at most, and so many bytes in all."""


class Evaluation:
    """Computes some nodes from their inputs. What hangs on the `lasting` inputs alone, by name, is computed anew only when they change."""

    def __init__(self, outputs: Sequence[Node], lasting: Collection[str] = ()):
        self.plan = Plan(outputs, lasting)
        self.known: dict[Any, list[Any]] = {}
        self.held: dict[Any, Held] = {}

    def __call__(self, xp: Any, inputs: Mapping[str, Any], into: Sequence[Any] = ()) -> list[Any]:
        """The outputs.

        Parameters
        ----------
        xp
            The namespace of the arrays.
        inputs
            The arrays of the inputs by name.
        into
            An array for every output, of its shape with all axes for runs, or none at all. NumPy writes outputs there where it can, and they
            are what comes out then.

        Returns
        -------
        An array for every output.
        """
        plan, of_numpy = self.plan, xp is np
        like = next((a for a in inputs.values() if (a.dtype.kind == "f" if of_numpy else xp.isdtype(a.dtype, "real floating"))), None)
        dtype = xp.float64 if like is None else like.dtype
        held = self.constants(xp, dtype, getattr(like, "device", None)).copy()
        for k, name in plan.inputs.items():
            held[k] = inputs[name]
        self.begin(xp, held, inputs, dtype)
        targets = dict(zip(plan.outputs, into, strict=True)) if into and of_numpy else {}
        for step in plan.steps:
            arrays = [held[p] for p in step.args]
            if of_numpy and step.ufunc is not None:
                out = targets.get(step.at)
                if out is None and step.over:
                    out = next((held[p] for p in step.over if held[p].size >= SMALL and fits(arrays, held[p])), None)
                held[step.at] = step.ufunc(*arrays, order="C") if out is None else step.ufunc(*arrays, out=out)
            else:
                held[step.at] = computed(xp, step.node, arrays, dtype)
            for p in step.dying:
                held[p] = None
        return [held[p] for p in plan.outputs]

    def constants(self, xp: Any, dtype: Any, device: Any) -> list[Any]:
        """A place for every node, filled where it hangs on no input."""
        key = dtype if xp is np else (xp.__name__, str(dtype), str(device))
        held = self.known.get(key)
        if held is None:
            held = [None] * len(self.plan.nodes)
            for k, n, args in self.plan.constants:
                held[k] = computed(xp, n, [held[p] for p in args], dtype)
            self.known[key] = held
        return held

    def begin(self, xp: Any, held: list[Any], inputs: Mapping[str, Any], dtype: Any) -> None:
        """Fills the places of what hangs on lasting inputs alone."""
        plan = self.plan
        if not plan.first:
            return
        lasting = [inputs[name] for name in plan.lasting]
        key = (dtype, *map(identity, lasting)) if xp is np else None
        found = None if key is None else self.held.get(key)
        if found is None or any(owner() is None for owner in found.owners):
            for step in plan.first:
                held[step.at] = computed(xp, step.node, [held[p] for p in step.args], dtype)
            if key is None:
                return
            found = Held([owner_of(a) for a in lasting if a.nbytes > COMPARED], [held[k] for k in plan.kept])
            if found.bytes > HELD_BYTES:
                return
            if len(self.held) >= HELD or self.bytes_held + found.bytes > HELD_BYTES:
                self.held = {}
            self.held[key] = found
        for k, a in zip(plan.kept, found.arrays, strict=True):
            held[k] = a

    @property
    def bytes_held(self) -> int:
        """Bytes of all that is held."""
        return sum(one.bytes for one in [*self.held.values()])  # other threads may add to it meanwhile


class Held:
    """What was computed of some lasting inputs, as long as these exist: they are not kept in memory for it."""

    def __init__(self, owners: Sequence[Callable[[], Any]], arrays: Sequence[np.ndarray]):
        self.owners, self.arrays = owners, arrays
        self.bytes = sum(max(a.nbytes, getattr(a.base, "nbytes", 0)) for a in arrays)
        """Of a view those of the whole, which stays in memory with it."""


def owner_of(a: np.ndarray) -> Callable[[], Any]:
    """Gives the array whose memory this one's numbers lie in, None once it is gone."""
    owner = a if a.base is None else a.base
    return weakref.ref(owner) if isinstance(owner, np.ndarray) else lambda: a


def identity(a: np.ndarray) -> Any:
    """What tells an array from others as long as it exists: its numbers if it is small, else its place in memory."""
    return (a.tobytes(), a.shape) if a.nbytes <= COMPARED else (a.__array_interface__["data"][0], a.shape, a.strides, a.dtype)


def computed(xp: Any, n: Node, arrays: list[Any], dtype: Any) -> Any:
    """What a node is, from the arrays of its arguments, numbers in this precision."""
    match n.function.name:
        case "number":
            return xp.asarray(n.number, dtype=dtype)
        case "array":
            return xp.asarray(n.option("entries").array, dtype=dtype if n.kind == "float" else None)
        case FLOAT.name:
            return xp.astype(arrays[0], dtype)
    return n.function.value(xp, n, *arrays)


def fits(arrays: Sequence[Any], out: Any) -> bool:
    """Whether the entries of these arrays, put together one by one, make an array as this is, in the order that a new one would have: the bits of
    sums hang on it."""
    shape = out.shape
    return out.flags.c_contiguous and all(
        a is out
        or (a.dtype == out.dtype and a.ndim <= out.ndim and all(n in (1, m) for n, m in zip(a.shape[::-1], shape[::-1], strict=False)))
        for a in arrays
    )


def evaluate(outputs: Sequence[Node], xp: Any, inputs: Mapping[str, Any]) -> list[Any]:
    """The outputs once."""
    return Evaluation(outputs)(xp, inputs)
