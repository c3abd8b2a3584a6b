"""Products of small matrices, C = A B, as register tiles written in LLVM vectors.

A tile of some rows and whole vectors of columns of C stays in registers while the inner axis is run through: an entry of A, repeated in a vector,
times vectors of a row of B. With the operands in cache this is as quick as a large product of BLAS.
"""

import functools
from collections.abc import Sequence
from typing import Any

from llvmlite import binding, ir
from numba.core import types
from numba.extending import intrinsic

REGISTERS = 32 if binding.get_host_cpu_features().get("avx512f") else 16
NEAR = 2**17
"""Bytes of B that are read again from a near cache, for every block of rows."""
MOST_COLUMNS, MOST_ROWS = 4, 8
"""Vectors side by side, and rows, of a tile at most."""


@functools.cache
def product(
    bits: int, lanes: int, rows: int, columns: int, inner: int, a_row: int, a_step: int, b_row: int, c_row: int, exact: bool
) -> Any:
    """An intrinsic (c, a, b) for one product of constant sizes.

    Parameters
    ----------
    bits, lanes
        Of a number: 32 or 64; numbers in a vector.
    rows, columns, inner
        C is (rows, columns), the sum goes over `inner`.
    a_row, a_step
        The distance of rows of A, and of the entries in one.
    b_row, c_row
        The distance of rows of B and of C, whose entries lie side by side. Of B whole vectors are read, also beyond the end of a row.
    exact
        Whether nothing beyond the end of a row of C may be written.

    Returns
    -------
    A function for compiled code.
    """

    @intrinsic
    def multiplied(context, c, a, b):
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            tiles = Tiles(builder, bits, lanes, args, (a_row, a_step, b_row, c_row))
            tiles.multiply(rows, columns, inner, exact)
            return context.get_dummy_value()

        return types.void(c, a, b), generate

    return multiplied


class Tiles:
    """Writes one product."""

    def __init__(self, builder: Any, bits: int, lanes: int, args: Sequence[Any], strides: Sequence[int]):
        self.builder, self.lanes, self.size = builder, lanes, bits // 8
        self.c, self.a, self.b = args
        self.a_row, self.a_step, self.b_row, self.c_row = strides
        self.number = ir.FloatType() if bits == 32 else ir.DoubleType()
        self.vector, self.index = ir.VectorType(self.number, lanes), ir.IntType(64)
        kind = f"v{lanes}f{bits}"
        module = builder.module
        name = f"llvm.fma.{kind}"
        self.fma = module.globals.get(name) or ir.Function(module, ir.FunctionType(self.vector, [self.vector] * 3), name)
        self.mask = ir.VectorType(ir.IntType(1), lanes)

    def constant(self, value: int) -> Any:
        return ir.Constant(self.index, value)

    def multiply(self, rows: int, columns: int, inner: int, exact: bool) -> None:
        """All tiles. Blocks of rows are outside, and blocks of vectors inside, where B is near; else its columns are read once, one block after the
        other."""
        vectors = -(-columns // self.lanes)
        wide = min(vectors, MOST_COLUMNS if REGISTERS == 32 else 2 if vectors != 3 else 3)
        tall = min(MOST_ROWS, rows, (REGISTERS - wide - 2) // wide)
        if inner * columns * self.size <= NEAR:
            self.down(self.constant(0), rows, tall, wide, vectors, columns, inner, exact)
            return
        plain, ragged = divmod(columns, wide * self.lanes)
        if plain:
            with self.loop(plain) as block:
                self.down(
                    self.builder.mul(block, self.constant(wide * self.lanes)), rows, tall, wide, wide, wide * self.lanes, inner, False
                )
        if ragged:
            at = self.constant(plain * wide * self.lanes)
            self.down(at, rows, tall, wide, -(-ragged // self.lanes), ragged, inner, exact)

    def down(self, column: Any, rows: int, tall: int, wide: int, vectors: int, columns: int, inner: int, exact: bool) -> None:
        """All tiles of some columns, block of rows after block. The heights of blocks differ by a row at most: in a tile of few rows each operation waits
        for the one before it."""
        blocks = -(-rows // tall)
        low, higher = divmod(rows, blocks)
        for start, count, height in ((0, higher, low + 1), (higher * (low + 1), blocks - higher, low)):
            if count:
                with self.loop(count) as block:
                    row = self.builder.add(self.constant(start), self.builder.mul(block, self.constant(height)))
                    self.across(row, column, height, wide, vectors, columns, inner, exact)

    def across(self, row: Any, start: Any, tall: int, wide: int, vectors: int, columns: int, inner: int, exact: bool) -> None:
        """All tiles of some rows, and of columns from one on."""
        ragged = exact and columns % self.lanes != 0
        plain = (vectors - ragged) // wide
        if plain > 1:
            with self.loop(plain) as block:
                column = self.builder.add(start, self.builder.mul(block, self.constant(wide * self.lanes)))
                self.tile(row, column, tall, wide, inner, None)
        elif plain:
            self.tile(row, start, tall, wide, inner, None)
        left = vectors - plain * wide
        if left:
            column = self.builder.add(start, self.constant(plain * wide * self.lanes))
            self.tile(row, column, tall, left, inner, columns % self.lanes if ragged else None)

    def tile(self, row: Any, column: Any, tall: int, wide: int, inner: int, last: int | None) -> None:
        """One tile; of its last vector only the first `last` entries are written."""
        builder = self.builder
        a0 = builder.mul(row, self.constant(self.a_row))
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        start, head, body, end = builder.block, *(builder.append_basic_block(name) for name in ("head", "body", "end"))
        builder.branch(head)
        builder.position_at_end(head)
        k = builder.phi(self.index)
        k.add_incoming(self.constant(0), start)
        sums = [[builder.phi(self.vector) for _ in range(wide)] for _ in range(tall)]
        for phi in (phi for line in sums for phi in line):
            phi.add_incoming(zero, start)
        builder.cbranch(builder.icmp_signed("<", k, self.constant(inner)), body, end)
        builder.position_at_end(body)
        b0 = builder.add(builder.mul(k, self.constant(self.b_row)), column)
        right = [self.load(self.b, builder.add(b0, self.constant(n * self.lanes))) for n in range(wide)]
        a1 = builder.add(a0, builder.mul(k, self.constant(self.a_step)))
        new = []
        for m in range(tall):
            entry = builder.load(builder.gep(self.a, [builder.add(a1, self.constant(m * self.a_row))]))
            repeated = self.repeat(entry)
            new.append([builder.call(self.fma, [repeated, right[n], sums[m][n]]) for n in range(wide)])
        after = builder.add(k, self.constant(1))
        k.add_incoming(after, body)
        for line, values in zip(sums, new, strict=True):
            for phi, value in zip(line, values, strict=True):
                phi.add_incoming(value, body)
        builder.branch(head)
        builder.position_at_end(end)
        for m in range(tall):
            at = builder.add(builder.mul(builder.add(row, self.constant(m)), self.constant(self.c_row)), column)
            for n in range(wide):
                place = builder.add(at, self.constant(n * self.lanes))
                self.store(sums[m][n], place, last if n == wide - 1 else None)

    def repeat(self, entry: Any) -> Any:
        """A vector of one number."""
        builder, nothing = self.builder, ir.Constant(self.vector, ir.Undefined)
        one = builder.insert_element(nothing, entry, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes))

    def load(self, pointer: Any, at: Any) -> Any:
        place = self.builder.bitcast(self.builder.gep(pointer, [at]), self.vector.as_pointer())
        return self.builder.load(place, align=self.size)

    def store(self, value: Any, at: Any, last: int | None) -> None:
        builder = self.builder
        place = builder.bitcast(builder.gep(self.c, [at]), self.vector.as_pointer())
        if last is None:
            builder.store(value, place, align=self.size)
            return
        for lane in range(last):
            entry = builder.extract_element(value, ir.Constant(ir.IntType(32), lane))
            builder.store(entry, builder.gep(self.c, [builder.add(at, self.constant(lane))]))

    def loop(self, count: int) -> Any:
        """A loop of the builder's over 0 .. count - 1."""
        return _Loop(self, count)


class _Loop:
    def __init__(self, tiles: Tiles, count: int):
        self.tiles, self.count = tiles, count

    def __enter__(self) -> Any:
        builder, tiles = self.tiles.builder, self.tiles
        start, self.head, body, self.end = builder.block, *(builder.append_basic_block(name) for name in ("rows", "row", "done"))
        builder.branch(self.head)
        builder.position_at_end(self.head)
        self.counter = builder.phi(tiles.index)
        self.counter.add_incoming(tiles.constant(0), start)
        builder.cbranch(builder.icmp_signed("<", self.counter, tiles.constant(self.count)), body, self.end)
        builder.position_at_end(body)
        return self.counter

    def __exit__(self, *_: object) -> None:
        builder, tiles = self.tiles.builder, self.tiles
        self.counter.add_incoming(builder.add(self.counter, tiles.constant(1)), builder.block)
        builder.branch(self.head)
        builder.position_at_end(self.end)
