"""Pointers of generated code for a device, as tensors/pointers.py has them for the processor, whole numbers that are not negative, and the
number of a thread."""

import importlib
from typing import Any

import numpy as np
from numba import cuda

from .elementary import SIMULATED, device


class Pointer:
    """What a pointer is in Numba's simulator: a place in an array of one axis; distances from there may be negative."""

    def __init__(self, array: Any, offset: int = 0):
        self.array, self.offset = array, offset

    def __getitem__(self, distance: Any) -> Any:
        return self.array[self.offset + int(distance)]

    def __setitem__(self, distance: Any, value: Any) -> None:
        self.array[self.offset + int(distance)] = value


def simulated() -> tuple[Any, Any, Any]:
    """`pointer_to`, `at` and `thread` in the simulator."""

    def pointer_to(array: Any) -> Pointer:
        return Pointer(np.asarray(getattr(getattr(array, "_item", array), "_ary", array)).reshape(-1))

    def at(pointer: Pointer, offset: Any) -> Pointer:
        return Pointer(pointer.array, pointer.offset + int(offset))

    @device
    def thread():
        return cuda.threadIdx.x

    return pointer_to, at, thread


def compiled() -> tuple[Any, Any, Any]:
    """`pointer_to`, `at` and `thread` on a device."""
    from llvmlite import ir
    from numba.cuda.extending import intrinsic

    types: Any = importlib.import_module("numba.cuda.types")

    def pointer_to(context, array):
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return context.make_array(signature.args[0])(context, builder, args[0]).data

        return types.CPointer(array.dtype)(array), generate

    def at(context, pointer, offset):
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.gep(args[0], [args[1]])

        return pointer(pointer, types.intp), generate

    def thread(context):
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(ir.IntType(32), [])
            return builder.call(ir.InlineAsm(kind, "mov.u32 $0, %tid.x;", "=r", side_effect=True), [])

        return types.int32(), generate

    return intrinsic(pointer_to), intrinsic(at), intrinsic(thread)


pointer_to, at, thread = simulated() if SIMULATED else compiled()
"""A pointer to the first number of an array; the pointer so many numbers further on; the number of the thread in its block. That is asked for anew
each time: LLVM would else compute all that hangs on it before the loop over steps, and keep hundreds of numbers."""


@device
def quotient(a, b):
    """a // b of two whole numbers below 2**32, in 32 bits."""
    return np.int64(np.uint32(np.uint32(a) // np.uint32(b)))


@device
def remainder(a, b):
    """a % b, likewise."""
    return np.int64(np.uint32(np.uint32(a) % np.uint32(b)))
