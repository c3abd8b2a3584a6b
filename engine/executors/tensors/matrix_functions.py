"""Generated source of functions of whole matrices: decompositions by LAPACK, with the routines that NumPy calls, so that signs of vectors agree, and
the exponential.

A matrix is copied in the order of columns to memory behind the arena, and what comes of it is copied from there to its place. Where a matrix is not
finite, or refused, NaN stands. The routines are SciPy's, through those functions of Numba's library that its own linear algebra calls: machine
code on disk names these, and holds no address.
"""

import math
from collections.abc import Sequence

from ....specs.functions.expm import DEGREE, LARGEST
from ....specs.program.node import Node
from .nest import nest, offset_text, opened, pointer, repeated
from .places import Place
from .writer import Writer

WORTH = {
    "svd": 1900,
    "svdvals": 800,
    "eigh": 1200,
    "eigvalsh": 520,
    "renewed_eigenvectors": 120,
    "qr": 350,
    "inv": 280,
    "solve": 280,
    "cholesky": 70,
    "logdet": 90,
}
"""Operations that an entry of the matrix is worth, measured: up to matrices of 128 x 128 the speed of LAPACK grows as fast as they do. Eigenvectors
that are renewed count as if that were every tenth time."""

EXPONENTIAL = 5
"""Operations that each number of a row adds to an entry's of an exponential: some nine products."""


class MatrixFunction:
    """The kernel of one node: `p` is its result, `q` its matrix, `b` another one, and `w` memory."""

    def __init__(self, writer: Writer, n: Node, args: Sequence[Node], place: Place):
        self.writer, self.n, self.args, self.place = writer, n, args, place
        self.rows, self.columns = args[0].shape[-2:]
        self.least = min(self.rows, self.columns)
        self.kind = ord("s" if writer.precision == "float32" else "d")
        self.taken = 0
        front = n.shape[: args[0].ndim - 2]
        places = [writer.schedule.place(a) for a in args]
        spread = [repeated(p.strides[:-2], a.shape[:-2], front) for p, a in zip(places, args, strict=True) if a.ndim > 1]
        self.matrices = math.prod(front)
        self.axes = nest(front, [place.strides[: len(front)], *spread])
        self.places = [place, *places]

    def write(self) -> None:
        """The kernel, and its call."""
        heads, depth = opened(self.axes)
        body = heads + ["    " * depth + line for line in getattr(self, self.n.function.name)()]
        names = ["p", "q", "b", "when"][: len(self.places)]
        room = pointer(Place("arena", self.writer.schedule.size, ()))
        self.writer.workspace = max(self.writer.workspace, self.taken)
        entries, name = self.matrices * self.rows * self.columns, self.n.function.name
        self.writer.lapack += WORTH.get(name, 0) * entries
        self.writer.operations += WORTH.get(name, EXPONENTIAL * self.rows) * entries
        self.writer.call([*names, "w"], body, [*map(pointer, self.places), room], ["P"] * (len(names) + 1))

    # parts of the text

    def room(self, numbers: int) -> int:
        """Where in the memory so many numbers have room."""
        self.taken += numbers
        return self.taken - numbers

    def entry(self, which: int, row: str, column: str, first: int = 0) -> str:
        """An entry of the result (0) or of an argument, from this row on."""
        name, place = ("p", "q", "b")[which], self.places[which]
        down, across = place.strides[-2:]
        offset = f"{offset_text(self.axes, which)} + {first * down}" if first else offset_text(self.axes, which)
        return f"{name}[{offset} + {row} * {down} + {column} * {across}]"

    def copied(self, which: int, rows: int, columns: int) -> tuple[list[str], int]:
        """Text that copies an argument to the memory in the order of columns, and where it lies there."""
        at = self.room(rows * columns)
        lines = [
            f"for j in range({columns}):",
            f"    for i in range({rows}):",
            f"        w[{at} + i + j * {rows}] = {self.entry(which, 'i', 'j')}",
        ]
        return lines, at

    def matrix(self) -> tuple[list[str], int]:
        """Text that copies the matrix and finds out whether it is finite, and where it lies."""
        lines, at = self.copied(1, self.rows, self.columns)
        size = self.rows * self.columns
        return [*lines, "finite = True", f"for i in range({size}):", f"    finite &= abs(w[{at} + i]) <= LARGEST"], at

    def called(self, routine: str, *args: object) -> str:
        """The text of a call, which is 0 where it went well."""
        self.writer.routines.add(routine)
        return f"{routine}({', '.join(map(str, (self.kind, *args)))})"

    def refused(self, routine: str, *args: object) -> list[str]:
        """Text that calls a routine where the matrix is finite, and notes whether there is no result."""
        return ["refused = True", "if finite:", f"    refused = {self.called(routine, *args)} != 0"]

    def put(self, rows: int, columns: int, value: str, first: int = 0) -> list[str]:
        """Text that writes a value, in terms of i and j, to rows of the result from one on."""
        return [
            f"for i in range({rows}):",
            f"    for j in range({columns}):",
            f"        {self.entry(0, 'i', 'j', first)} = NAN if refused else {value}",
        ]

    def put_vector(self, size: int, value: str) -> list[str]:
        """Text that writes a value, in terms of j, to a result that is a vector."""
        target = f"p[{offset_text(self.axes, 0)} + j * {self.place.strides[-1]}]"
        return [f"for j in range({size}):", f"    {target} = NAN if refused else {value}"]

    # a method a function

    def singular(self, job: str) -> tuple[list[str], int, int, int]:
        """Text that finds the singular values, and with job "S" the vectors; where values, left and right ones lie."""
        lines, A = self.matrix()
        m, n, k = self.rows, self.columns, self.least
        s, u, v = self.room(k), self.room(m * k), self.room(k * n)
        call = self.refused("numba_ez_gesdd", ord(job), m, n, at(A), m, at(s), at(u), m, at(v), k)
        return lines + call, s, u, v

    def svd(self) -> list[str]:
        lines, s, u, v = self.singular("S")
        m, n, k = self.rows, self.columns, self.least
        lines += self.put(m, k, f"w[{u} + i + j * {m}]") + self.put(1, k, f"w[{s} + j]", m)
        return lines + self.put(n, k, f"w[{v} + j + i * {k}]", m + 1)

    def svdvals(self) -> list[str]:
        lines, s, _, _ = self.singular("N")
        return lines + self.put_vector(self.least, f"w[{s} + j]")

    def eigen(self, job: str) -> tuple[list[str], int, int]:
        """Text that finds the eigenvalues, and with job "V" the vectors; where both lie."""
        lines, A = self.matrix()
        values = self.room(self.rows)
        return lines + self.refused("numba_ez_xxxevd", ord(job), ord("L"), self.rows, at(A), self.rows, at(values)), values, A

    def eigh(self) -> list[str]:
        lines, values, vectors = self.eigen("V")
        n = self.rows
        return lines + self.put(1, n, f"w[{values} + j]") + self.put(n, n, f"w[{vectors} + i + j * {n}]", 1)

    def eigvalsh(self) -> list[str]:
        lines, values, _ = self.eigen("N")
        return lines + self.put_vector(self.rows, f"w[{values} + j]")

    def renewed_eigenvectors(self) -> list[str]:
        n = self.rows
        renewed, _, vectors = self.eigen("V")
        unit = ["if not finite:", f"    for i in range({n * n}):", f"        w[{vectors} + i] = F(1.0) if i % {n + 1} == 0 else F(0.0)"]
        call = next(k for k, line in enumerate(renewed) if line.startswith("refused"))
        renewed[call:call] = [*unit, "finite = True"]
        renewed += self.put(n, n, f"w[{vectors} + i + j * {n}]")
        old = [f"for i in range({n}):", f"    for j in range({n}):", f"        {self.entry(0, 'i', 'j')} = {self.entry(2, 'i', 'j')}"]
        return ["if when[0] != F(0.0):", *("    " + line for line in renewed), "else:", *("    " + line for line in old)]

    def qr(self) -> list[str]:
        lines, A = self.matrix()
        m, n = self.rows, self.columns
        tau = self.room(n)
        lines += self.refused("numba_ez_geqrf", m, n, at(A), m, at(tau))
        lines += self.put(n, n, f"w[{A} + i + j * {m}] if i <= j else F(0.0)", m)
        lines += ["if finite:", f"    refused |= {self.called('numba_ez_xxgqr', m, n, n, at(A), m, at(tau))} != 0"]
        return lines + self.put(m, n, f"w[{A} + i + j * {m}]")

    def pivots(self) -> str:
        """A pointer to memory for the rows that are exchanged, which may be twice as long as a number."""
        return f"as_whole({at(self.room(2 * self.rows))})"

    def inv(self) -> list[str]:
        n, pivots = self.rows, self.pivots()
        lines, A = self.matrix()
        b = self.room(n * n)
        lines += [f"for i in range({n * n}):", f"    w[{b} + i] = F(1.0) if i % {n + 1} == 0 else F(0.0)"]
        return lines + self.refused("numba_xgesv", n, n, at(A), n, pivots, at(b), n) + self.put(n, n, f"w[{b} + i + j * {n}]")

    def solve(self) -> list[str]:
        n, k, pivots = self.rows, self.n.shape[-1], self.pivots()
        lines, A = self.matrix()
        right, b = self.copied(2, n, k)
        return lines + right + self.refused("numba_xgesv", n, k, at(A), n, pivots, at(b), n) + self.put(n, k, f"w[{b} + i + j * {n}]")

    def cholesky(self) -> list[str]:
        n = self.rows
        lines, A = self.matrix()
        return lines + self.refused("numba_xxpotrf", ord("L"), n, at(A), n) + self.put(n, n, f"w[{A} + i + j * {n}] if i >= j else F(0.0)")

    def logdet(self) -> list[str]:
        n, pivots = self.rows, self.pivots()
        lines, A = self.matrix()
        lines += [*self.refused("numba_xxgetrf", n, n, at(A), n, pivots), "total = F(0.0)", f"for i in range({n}):"]
        lines.append(f"    total += F(math.log(abs(w[{A} + i * {n + 1}]))) if not refused else F(0.0)")
        return [*lines, f"p[{offset_text(self.axes, 0)}] = NAN if not finite else -INFINITY if refused else total"]

    def expm(self) -> list[str]:
        n, wide = self.rows, -(-self.rows // self.writer.lanes) * self.writer.lanes
        powers, total, other = [0, *(self.room(n * wide) for _ in range(4))], self.room(n * wide), self.room(n * wide)
        name = self.writer.products.setdefault((n, n, n, wide, 1, wide, wide, False), f"product{len(self.writer.products)}")

        def product(to: int, a: int, b: int) -> str:
            return f"{name}({at(to)}, {at(a)}, {at(b)})"

        def set_to(to: int, value: str) -> list[str]:
            return [f"for i in range({n}):", f"    for j in range({n}):", f"        w[{to} + i * {wide} + j] = {value}"]

        def value(of: int) -> str:
            return f"w[{of} + i * {wide} + j]"

        lines = ["norm, finite = F(0.0), True", f"for j in range({n}):", "    total = F(0.0)", f"    for i in range({n}):"]
        lines += [f"        total += abs({self.entry(1, 'i', 'j')})", f"    total /= F({LARGEST})", "    finite &= total <= LARGEST"]
        lines += ["    norm = max(norm, total)", "halvings = int(math.ceil(math.log2(norm))) if finite and norm > F(1.0) else 0"]
        lines += ["scale = F(math.ldexp(1.0, -halvings))", *set_to(powers[1], f"{self.entry(1, 'i', 'j')} * scale")]
        lines += [product(powers[k], powers[k // 2], powers[k - k // 2]) for k in (2, 3, 4)]
        before = f"{value(powers[4])} / F({math.factorial(DEGREE)}.0)"
        for lowest in range(DEGREE - 4, -1, -4):
            if lowest < DEGREE - 4:
                lines.append(product(other, total, powers[4]))
                before = value(other)
            more = [f"{value(powers[k])} / F({math.factorial(lowest + k)}.0)" for k in range(1, 4)]
            lines += set_to(total, " + ".join([before, f"F({1 / math.factorial(lowest)} if i == j else 0.0)", *more]))
        lines += [
            "for k in range(halvings):",
            f"    {product(other, total, total)}",
            *("    " + line for line in set_to(total, value(other))),
        ]
        return [*lines, "refused = False", *self.put(n, n, value(total))]


def at(offset: int) -> str:
    """The text of a pointer into the memory."""
    return f"at(w, {offset})"
