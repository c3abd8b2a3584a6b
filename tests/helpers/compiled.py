"""Programs over tensors, compiled and called once: what an output is must not depend on what is compiled beside it, so many share a module."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numba import njit
from thalweg.engine.executors.codegen.disk_cache import load
from thalweg.engine.executors.tensors.expand import expanded
from thalweg.engine.executors.tensors.loops import Schedule
from thalweg.engine.executors.tensors.places import Place, numbers, row_major
from thalweg.engine.executors.tensors.pointers import pointer_to
from thalweg.engine.executors.tensors.programs import lanes
from thalweg.engine.executors.tensors.source import COMPUTE, Compute, source
from thalweg.specs.program.node import Node, ordered

GUARD = 256
"""NaN behind every array: what is read or written beyond an end shows."""


class Memory:
    """Arrays of the generated code: floats lie close together in `x`, as a run's variables do, all else in padded rows of `shared`."""

    def __init__(self, outputs: Sequence[Node], data: Mapping[str, Any], precision: str):
        self.arrays: dict[str, list[np.ndarray]] = {"x": [], "shared": []}
        self.sizes = {"x": 0, "shared": 0}
        self.places: dict[int, Place] = {}
        self.precision = precision
        known: dict[Any, Place] = {}
        for n in ordered(outputs):
            if n.function.name in ("input", "array"):
                key = n.option("name") if n.function.name == "input" else n.option("entries")
                values = np.asarray(data[key] if n.function.name == "input" else key.array)
                base, width = ("x", 1) if n.function.name == "input" and n.kind == "float" else ("shared", lanes(precision))
                if key not in known:
                    known[key] = self.keep(base, values, width)
                self.places[id(n)] = known[key]

    def keep(self, base: str, values: np.ndarray, width: int) -> Place:
        """A place for these numbers, whose rows take whole vectors of this width."""
        place = Place(base, self.sizes[base], row_major(values.shape, width))
        room = np.full(-(-numbers(values.shape, width) // width) * width, np.nan, self.precision)
        np.lib.stride_tricks.as_strided(room, values.shape, [s * room.itemsize for s in place.strides])[...] = values
        self.arrays[base].append(room)
        self.sizes[base] += room.size
        return place

    def whole(self, base: str) -> np.ndarray:
        return np.concatenate([*self.arrays[base], np.full(GUARD, np.nan)]).astype(self.precision)


def generated(outputs: Sequence[Node], data: Mapping[str, Any], precision: str) -> tuple[Compute, Memory, list[Place]]:
    """The module of a program with these outputs, the memory of its inputs, and where the outputs go. Raises NotFusable."""
    simpler = expanded(outputs, precision)
    memory = Memory(simpler, data, precision)
    targets, size = [], 0
    for n in outputs:
        targets.append(Place("out", size, row_major(n.shape)))
        size += numbers(n.shape)
    wanted = {id(n): place for n, place in zip(simpler, targets, strict=True) if n.function.name != "input"}
    schedule = Schedule(simpler, memory.places, lanes(precision), wanted)
    return source(schedule, precision, lanes(precision), "compute", COMPUTE, list(zip(simpler, targets, strict=True))), memory, targets


def compiled(outputs: Sequence[Node], data: Mapping[str, Any], precision: str = "float64") -> list[np.ndarray]:
    """The values of these outputs at these inputs by name. Raises NotFusable."""
    (found,) = compiled_once(outputs, [data], precision)
    return found


def compiled_once(outputs: Sequence[Node], every: Sequence[Mapping[str, Any]], precision: str = "float64") -> list[list[np.ndarray]]:
    """The values of these outputs at each of several inputs of the same shapes. Raises NotFusable."""
    made, _, targets = generated(outputs, every[0], precision)
    simpler, call, found = expanded(outputs, precision), on_arrays(load(made.text).compute, len(COMPUTE)), []
    size = sum(numbers(n.shape) for n in outputs)
    for data in every:
        memory = Memory(simpler, data, precision)
        out, arena = (np.full(count + GUARD, np.nan, precision) for count in (size, made.arena))
        nothing = {"P": np.zeros(1, precision), "I": np.zeros(1, np.int64)}
        given = {"arena": arena, "x": memory.whole("x"), "shared": memory.whole("shared"), "out": out}
        call(*(given.get(name, nothing[kind]) for name, kind in COMPUTE.items()))
        assert np.isnan(out[size:]).all(), "something was written beyond the outputs"
        assert np.isnan(arena[made.arena :]).all(), "something was written beyond the memory"
        found.append([out[p.offset : p.offset + numbers(n.shape)].reshape(n.shape) for n, p in zip(outputs, targets, strict=True)])
    return found


def pointers(function: Any, *arrays: np.ndarray) -> None:
    """Calls a compiled function, which takes pointers and only compiled ones call, on arrays."""
    on_arrays(function, len(arrays))(*arrays)


def on_arrays(function: Any, count: int) -> Any:
    """A compiled function of so many pointers as one of arrays."""
    names = [f"a{k}" for k in range(count)]
    scope = {"function": function, "pointer_to": pointer_to}
    exec(f"def call({', '.join(names)}): function({', '.join(f'pointer_to({name})' for name in names)})", scope)  # noqa: S102
    return njit(scope["call"])
