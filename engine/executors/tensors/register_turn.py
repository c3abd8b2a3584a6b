"""Transposed copies of matrices, a block of as many rows and columns as a vector has numbers at a time: whole vectors are read, turned in registers
and written."""

import functools
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

PART = 16
"""Bytes of the parts of a vector within which a processor moves numbers most quickly."""


def exchanges(lanes: int, size: int) -> list[tuple[int, list[int], list[int]]]:
    """The rounds that turn `lanes` vectors: (distance, mask, mask). Vectors k and k + distance become two others by these masks, whose numbers count
    through both.

    First numbers are interleaved within parts of 16 bytes, then the parts are exchanged.
    """
    q = PART // size
    made, distance = [], q // 2
    while distance:
        starts = [[part + half * q // 2 + k for part in range(0, lanes, q) for k in range(q // 2)] for half in range(2)]
        low, high = ([place for k in half for place in (k, lanes + k)] for half in starts)
        made.append((distance, low, high))
        distance //= 2
    distance = q
    while distance < lanes:
        low = [k if not k & distance else lanes + k - distance for k in range(lanes)]
        high = [k + distance if not k & distance else lanes + k for k in range(lanes)]
        made.append((distance, low, high))
        distance *= 2
    return made


@functools.cache
def turned(bits: int, lanes: int, to_row: int, from_row: int) -> Any:
    """An intrinsic (to, source) for one block: to[i, j] <- source[j, i] for i and j below `lanes`.

    Parameters
    ----------
    bits, lanes
        Of a number: 32 or 64; numbers in a vector.
    to_row, from_row
        The distances of rows of what is written and of what is read, whose entries lie side by side.

    Returns
    -------
    A function for compiled code.
    """

    @intrinsic
    def block(context, to, source):
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number = ir.FloatType() if bits == 32 else ir.DoubleType()
            vector, index = ir.VectorType(number, lanes), ir.IntType(64)
            mask = ir.VectorType(ir.IntType(32), lanes)

            def at(pointer: Any, offset: int) -> Any:
                return builder.bitcast(builder.gep(pointer, [ir.Constant(index, offset)]), vector.as_pointer())

            held = [builder.load(at(args[1], k * from_row), align=bits // 8) for k in range(lanes)]
            for distance, *masks in exchanges(lanes, bits // 8):
                for k in (k for k in range(lanes) if not k & distance):
                    a, b = held[k], held[k + distance]
                    held[k], held[k + distance] = (builder.shuffle_vector(a, b, ir.Constant(mask, which)) for which in masks)
            for k, line in enumerate(held):
                builder.store(line, at(args[0], k * to_row), align=bits // 8)
            return context.get_dummy_value()

        return types.void(to, source), generate

    return block
