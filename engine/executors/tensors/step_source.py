"""Generated source of what is no loop of entries: products of matrices, copies, gathers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ....specs.program.node import Node
from .loops import MATRIX_FUNCTIONS, Step
from .matrix_functions import MatrixFunction
from .nest import Axis, entry, nest, offset_text, opened, pointer, repeated
from .places import Place, ones_to_zero, reshaped, seen
from .writer import Writer

UNROLLED = 256
"""Terms of a sum from which on LLVM may unroll a tile's loop. With fewer, the terms left over at the end cost more than unrolling gains."""
PRODUCT = 0.6
"""Operations of a multiplication and an addition of a product of matrices."""


@dataclass(frozen=True)
class Gather:
    """Rows of shared data that are copied for a minibatch."""

    source: Place
    target: Place
    rows: int
    width: int


class StepWriter:
    """Writes steps for a program's writer."""

    turns = True
    """Whether transposed copies go through registers."""

    def __init__(self, writer: Writer):
        self.writer, self.schedule, self.lanes, self.call = writer, writer.schedule, writer.lanes, writer.call

    def opened(self, axes: Sequence[Axis]) -> tuple[list[str], int]:
        """The heads of the outermost loops of a kernel."""
        return opened(axes)

    def all_of(self, size: int) -> str:
        """The range of a kernel's outermost loop over so many entries."""
        return f"range({size})"

    def between(self) -> None:
        """What comes between two kernels of a step, of which the second writes where the first did."""

    def write(self, step: Step) -> None:
        """A kernel for a step."""
        n = step.node
        if step.copies:
            self.copy(n, self.schedule.place(n))
        elif n.function.name in MATRIX_FUNCTIONS:
            self.matrix_function(n, step.args, self.schedule.place(n))
        else:
            getattr(self, f"on_{n.function.name}")(n, step.args, self.schedule.place(n))

    def matrix_function(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """A decomposition of matrices, or the like."""
        MatrixFunction(self.writer, n, args, place).write()

    def copy(self, n: Node, place: Place) -> None:
        """The numbers of a view in an order of their own, or a number repeated."""
        (x,), name = n.args, n.function.name
        if name == "copied":
            self.filled(x, place)
            return
        source = self.schedule.place(x)
        if name == "reshape":  # entries in the order of rows, from one shape to the other
            through = reshaped(n.shape, place.strides, x.shape)
            if through is not None:
                self.copies(x.shape, source, Place(place.base, place.offset, through))
                return
            body = [f"for k in {self.all_of(x.size)}:", f"    p[{entry(n.shape, place.strides)}] = q[{entry(x.shape, source.strides)}]"]
            self.call(("p", "q"), body, (pointer(place), pointer(source)), ("P", "P"))
        else:
            shown = seen(n, source)
            assert shown is not None
            self.copies(n.shape, shown, place)

    def copies(self, shape: tuple[int, ...], source: Place, target: Place, value: str = "q[{0}]") -> None:
        """target <- source, entry by entry, with the longest of the axes innermost whose entries lie side by side in one of them."""
        axes = sorted(nest(shape, [source.strides, target.strides]), key=lambda axis: axis.size if 1 in axis.strides else 0)
        if self.turns and value == "q[{0}]" and (body := self.turned(axes)):
            self.call(("p", "q"), body, (pointer(target), pointer(source)), ("P", "P"))
            return
        body, depth = self.opened(axes)
        a, b = (offset_text(axes, k) for k in range(2))
        body.append("    " * depth + f"p[{b}] = {value.format(a)}")
        self.call(("p", "q"), body, (pointer(target), pointer(source)), ("P", "P"))

    def turned(self, axes: Sequence[Axis]) -> list[str]:
        """Statements for a transposed copy by blocks; none where it is no matrix, or smaller than a block."""
        lanes = self.lanes
        if len(axes) != 2 or min(axis.size for axis in axes) < lanes:
            return []
        rows, columns = axes if axes[0].strides[0] == 1 else axes[::-1]
        if rows.strides[0] != 1 or columns.strides[1] != 1 or 1 in (columns.strides[0], rows.strides[1]):
            return []
        to_row, from_row = rows.strides[1], columns.strides[0]
        whole, wide = rows.size // lanes * lanes, columns.size // lanes * lanes
        name = self.writer.turns.setdefault((to_row, from_row), f"turned{len(self.writer.turns)}")
        one = f"p[i0 * {to_row} + i1] = q[i0 + i1 * {from_row}]"
        body = [
            f"for i0 in range(0, {whole}, {lanes}):",
            f"    for i1 in range(0, {wide}, {lanes}):",
            f"        {name}(at(p, i0 * {to_row} + i1), at(q, i0 + i1 * {from_row}))",
        ]
        for i, j in (((whole, rows.size), (0, columns.size)), ((0, whole), (wide, columns.size))):
            if i[0] < i[1] and j[0] < j[1]:
                body += [f"for i0 in range({i[0]}, {i[1]}):", f"    for i1 in range({j[0]}, {j[1]}):", f"        {one}"]
        return body

    def fill(self, target: Place, shape: tuple[int, ...], value: str) -> None:
        """Every entry <- a number."""
        axes = nest(shape, [target.strides])
        body, depth = self.opened(axes)
        body.append("    " * depth + f"p[{offset_text(axes, 0)}] = {value}")
        self.call(("p",), body, (pointer(target),), ("P",))

    def gather(self, one: Gather) -> None:
        """target[i] <- source[rows[i]]."""
        body = [
            f"for i in range({one.rows}):",
            f"    r = rows[i] * {one.source.strides[0]}",
            f"    for j in range({one.width}):",
            f"        p[i * {one.target.strides[0]} + j] = q[r + j]",
        ]
        self.call(("p", "q", "rows"), body, (pointer(one.target), pointer(one.source), "rows"), ("P", "P", "I"))

    def on_concat(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """Arrays one behind the other."""
        axis, start = n.ndim + n.option("axis"), 0
        for a in args:
            part = Place(place.base, place.offset + start * place.strides[axis], place.strides)
            self.filled(a, part)
            start += a.shape[axis]

    def filled(self, a: Node, part: Place) -> None:
        """part <- a, an array or a number repeated."""
        if self.schedule.is_scalar(a):
            strides = part.strides
            axes = nest(a.shape, [strides])
            body, depth = self.opened(axes)
            body.append("    " * depth + f"p[{offset_text(axes, 0)}] = s")
            self.call(("p", "s"), body, (pointer(part), f"F({self.writer.scalar(a)})"), ("P", "S"))
        else:
            self.copies(a.shape, self.schedule.place(a), part)

    def on_unindex(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """Zeros, with an array at some places."""
        (g,) = args
        self.fill(place, n.shape, "F(0.0)")
        at, strides, offset = n.option("at"), [], place.offset
        for one, stride, size in zip(at, place.strides, n.shape, strict=True):
            if isinstance(one, tuple):
                taken = range(*slice(*one).indices(size))
                offset += taken.start * stride if len(taken) else 0
                strides.append(taken.step * stride)
            else:
                offset += one * stride
        self.between()
        self.filled(g, Place(place.base, offset, ones_to_zero(g.shape, tuple(strides))))

    def on_prod_padded(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """Zeros, with an array from some place of an axis on."""
        (g,), axis = args, n.ndim + n.option("axis")
        self.fill(place, n.shape, "F(0.0)")
        self.between()
        self.filled(g, Place(place.base, place.offset + n.option("start") * place.strides[axis], place.strides))

    def on_cumsum(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """Running sums along one axis."""
        (x,), axis, size = args, n.option("axis"), n.shape[n.option("axis")]
        source, k = self.schedule.place(x), n.ndim + n.option("axis")
        others = tuple(m for j, m in enumerate(n.shape) if j != k)
        places = [Place(p.base, 0, tuple(s for j, s in enumerate(p.strides) if j != k)) for p in (source, place)]
        axes = nest(others, [p.strides for p in places])
        body, depth = self.opened(axes)
        pad, a, b = "    " * depth, offset_text(axes, 0), offset_text(axes, 1)
        order = f"range({size - 1}, -1, -1)" if n.option("reverse") else f"range({size})"
        body += [f"{pad}s = F(0.0)", f"{pad}for k in {order}:", f"{pad}    s += q[{a} + k * {source.strides[axis]}]"]
        body.append(f"{pad}    p[{b} + k * {place.strides[axis]}] = s")
        self.call(("p", "q"), body, (pointer(place), pointer(source)), ("P", "P"))

    def on_take(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """Rows of an array by an index."""
        table, index = args
        rows, rest = table.shape[0], n.shape[index.ndim :]
        t, k = self.schedule.place(table), self.schedule.place(index)
        front = nest(index.shape, [k.strides, place.strides[: index.ndim]])
        body, depth = self.opened(front)
        pad = "    " * depth
        body += [
            f"{pad}r = int(i[{offset_text(front, 0)}])",
            f"{pad}r = r + {rows} if r < 0 else r",
            f"{pad}inside = (r >= 0) & (r < {rows})",
        ]
        inner = nest(rest, [t.strides[1:], place.strides[index.ndim :]], start=len(front))
        deeper, more = opened(inner, depth, len(front))
        body += deeper
        source = f"t[r * {t.strides[0]} + {offset_text(inner, 0, len(front))}]"
        body.append("    " * more + f"p[{offset_text(front, 1)} + {offset_text(inner, 1, len(front))}] = {source} if inside else NAN")
        self.call(("p", "t", "i"), body, (pointer(place), pointer(t), pointer(k)), ("P", "P", "P"))

    def on_untake(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """To each row the sum of what has its index."""
        g, index = args
        rows, rest = n.shape[0], n.shape[1:]
        s, k = self.schedule.place(g), self.schedule.place(index)
        self.fill(place, n.shape, "F(0.0)")
        front = nest(index.shape, [k.strides, s.strides[: index.ndim]])
        body, depth = self.opened(front)
        pad = "    " * depth
        body += [f"{pad}r = int(i[{offset_text(front, 0)}])", f"{pad}r = r + {rows} if r < 0 else r", f"{pad}if (r >= 0) & (r < {rows}):"]
        inner = nest(rest, [place.strides[1:], s.strides[index.ndim :]], start=len(front))
        deeper, more = opened(inner, depth + 1, len(front))
        body += deeper
        added = f"g[{offset_text(front, 1)} + {offset_text(inner, 1, len(front))}]"
        body.append("    " * more + f"p[r * {place.strides[0]} + {offset_text(inner, 0, len(front))}] += {added}")
        self.call(("p", "g", "i"), body, (pointer(place), pointer(s), pointer(k)), ("P", "P", "P"))

    def on_matmul(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """A product of matrices, for every pair of the axes in front."""
        a, b = args
        p, q = self.schedule.place(a), self.schedule.place(b)
        rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
        front = n.shape[:-2]
        spread = [repeated(s.strides[:-2], m.shape[:-2], front) for s, m in ((p, a), (q, b))]
        if len(front) == 1 and spread[1] == (0,) and spread[0][0] == p.strides[-2] * rows and place.strides[0] == place.strides[-2] * rows:
            rows, front, spread = rows * front[0], (), [(), ()]  # one product of all rows
        self.writer.operations += PRODUCT * math.prod(front) * rows * inner * columns
        axes = nest(front, [place.strides[: len(front)], *spread])
        self.product(axes, (rows, inner, columns), place, p, q)

    def product(self, axes: Sequence[Axis], sizes: tuple[int, int, int], place: Place, p: Place, q: Place) -> None:
        """At `place` the product of what lies at p and q, (rows, inner) by (inner, columns), for all of the axes in front."""
        rows, inner, columns = sizes
        body, depth = self.opened(axes)
        moved = ["at(c, {})", "at(a, {})", "at(b, {})"] if axes else ["c", "a", "b"]
        c, x, y = (text.format(offset_text(axes, k)) for k, text in enumerate(moved))
        pad = "    " * depth
        if columns == 1:
            body += [pad + line for line in self.matrix_times_vector(rows, inner, p.strides[-2:], q.strides[-2], place.strides[-2])]
            body = [
                line.replace("C[", f"{'c'}[{offset_text(axes, 0)} + ")
                .replace("A[", f"a[{offset_text(axes, 1)} + ")
                .replace("B[", f"b[{offset_text(axes, 2)} + ")
                for line in body
            ]
        else:
            exact = (place.strides[-2] % self.lanes != 0 and rows > 1) or place.base != "arena"
            key = (
                rows,
                columns,
                inner,
                p.strides[-2],
                p.strides[-1],
                q.strides[-2],
                place.strides[-2],
                exact and columns % self.lanes != 0,
            )
            name = self.writer.products.setdefault(key, f"product{len(self.writer.products)}")
            body.append(f"{pad}{name}({c}, {x}, {y})")
        ends = "" if columns > 1 and inner >= UNROLLED else "as_vectors"
        self.call(("c", "a", "b"), body, (pointer(place), pointer(p), pointer(q)), ("P", "P", "P"), ends)

    def matrix_times_vector(self, rows: int, inner: int, a: tuple[int, ...], b: int, c: int) -> list[str]:
        """C[i c] <- sum over k of A[i a0 + k a1] B[k b]."""
        if a[1] == 1 or inner == 1 or rows == 1:
            return [
                f"for i in range({rows}):",
                "    s = F(0.0)",
                f"    for k in range({inner}):",
                f"        s = plus(s, A[i * {a[0]} + k * {a[1]}] * B[k * {b}])",
                f"    C[i * {c}] = s",
            ]
        return [
            f"for i in range({rows}):",
            f"    C[i * {c}] = F(0.0)",
            f"for k in range({inner}):",
            f"    s = B[k * {b}]",
            f"    for i in range({rows}):",
            f"        C[i * {c}] += A[i * {a[0]} + k * {a[1]}] * s",
        ]
