"""From a formula to a kernel module with functions over a block of W runs.

    landscape(X, L, G, P, Z, limit)     L (W) <- f and, unless the gradient is apart, G (dim, W) <- gradient, at X (dim, W)
    observe(X, O, P, Z, limit)          O (observables, W)
    slope(X, L, G, P, Z, limit)         where the gradient is apart: G <- gradient; slope_far is slow, and right beyond the elementary functions' reach

`landscape` returns 1 if the loss of any run is not finite or above `limit`, or its iterate is not finite; `observe` returns 0. `slope`
returns 1 if a component of any run is NaN or beyond `limit`: within it (bounds.py) `landscape` would return 0, and need not be called.
Where the gradient is apart, `landscape` returns 2 more if `slope_far` must be called in place of `slope`.

P holds the landscape's parameters: (parameters, 1) if `uniform`, all runs of the block sharing them, else (parameters, W). Z is scratch.
A formula is F(x_c..., R_k...) as in specs/calculus.py: a loop over i for each reduction R_k, then F. Where F is linear in a sum, its
loop adds to the gradient at once; otherwise a second loop follows, once dF/dR_k is known.
"""

from collections.abc import Iterable
from typing import Any

from ....specs import tree
from ....specs.derivative import by_each, chain, half_turns, lowered, steep, times
from ....specs.expression import Parsed, Reduction, fixed, local
from ....specs.tree import INDEX, ZERO, Node, indices, parameter
from ....specs.written import Writer
from .module_frame import PAIRED, REACHING, THREAD, module
from .refusal import NotFusable

ABSOLUTE = {"abs": "absolute"}
"""Functions that generated code has by another name."""
UNROLLED = 4
"""Up to so many components the check that the iterate is finite is written out."""
LANDSCAPE = ("A2, A1, A2, A2, A2, _F", "X, L, G, P, Z, limit")
"""Types and names of the arguments of `landscape` and `slope`."""
WITHIN = "far = max(far, magnitude({}))"
WEIGHTS = {rough: tree.symbol("weight", rough=rough) for rough in (False, True)}
"""The slope of the outer function at a reduction, without and with a root in it."""
OTHERS = tree.symbol("others")
"""The product of all factors but one."""
MAX_PARTS = 4000
"""A loop of more operations would take minutes to compile."""


def formula_source(parsed: Parsed, precision: str, lanes: int, uniform: bool, gradient: bool, apart: bool = False) -> str:
    """The module's source. Raises NotFusable."""
    writer = _Formula(parsed, uniform, lanes == THREAD)
    body = writer.slope() if apart else ""
    body += writer.landscape(gradient and not apart, apart) + writer.observe()
    return module(writer.functions, body.rstrip() + "\n", precision, lanes)


def scratch_rows(parsed: Parsed) -> int:
    """Rows of Z: two a reduction, and for a product one a factor and one more."""
    return 1 + sum(2 + (r.stop - r.start + 1 if r.kind == "prod" else 0) for r in parsed.reductions)


class _Formula:
    """Writes the functions of one formula; `far` is the variant for arguments beyond the elementary functions' reach."""

    def __init__(self, parsed: Parsed, uniform: bool, thread: bool):
        self.parsed, self.uniform, self.thread, self.dim = parsed, uniform, thread, parsed.formula.dim
        self.functions: set[str] = set()
        self.first: Any = None
        self.alone = False
        """Whether only the gradient is written; then near the origin no argument is checked, but every component."""
        self.fresh = range(0)
        self.parameters = {parameter(name): f"p{k}" for k, name in enumerate(parsed.formula.parameters)}
        self.rows: dict[Any, int] = {}
        row = 1
        for r in parsed.reductions:
            self.rows[r.symbol] = row
            row += 2 + (r.stop - r.start + 1 if r.kind == "prod" else 0)

    # the functions

    def landscape(self, gradient: bool, apart: bool) -> str:
        write = self.gradient if gradient else self.value
        return self.near_and_far("landscape", LANDSCAPE, write, " | 2" if apart else "")

    def observe(self) -> str:
        return self.near_and_far("observe", ("A2, A2, A2, A2, _F", "X, O, P, Z, limit"), self.observables)

    def slope(self) -> str:
        """`slope` and `slope_far`."""
        head, tail = self.frame(LANDSCAPE)
        self.alone = True
        near, far = self.gradient(False), self.gradient(True)
        self.alone = False
        start, test = "    far = BITS(0)\n", "    bad = np.int32(0 if far <= magnitude(limit) else 1)\n"
        self.functions |= {"magnitude", *self.libm(far)}
        made = head.format("slope") + start + near + test + tail + "\n\n"
        return made + (head.format("slope_far") + far + tail + "\n\n" if self.libm(far) else "slope_far = slope\n\n\n")

    def frame(self, signature: tuple[str, str]) -> tuple[str, str]:
        """How a function begins, its name left out, and ends."""
        kinds, arguments = signature
        arrays = [name for kind, name in zip(kinds.split(", "), arguments.split(", "), strict=True) if kind == "A2"]
        wide = [name for name in arrays if not (name == "P" and self.uniform)]
        hints = "".join(f"    assume({name}.shape[1] == W)\n" for name in wide)  # else no vectors of more than 16 components
        head = f"@njit(types.int64({kinds}), **JIT)\ndef {{}}({arguments}):\n    vectorised()\n{hints}    bad = np.int32(0)\n"
        return head, "    return np.int64(bad)\n"

    def libm(self, text: str) -> set[str]:
        """The functions in this text that reach as far as the library's."""
        found = {f"far_{f}" for f in (*REACHING, *PAIRED.values()) if f"far_{f}(" in text}
        return found | ({"REACH", "magnitude"} if found else set())

    def near_and_far(self, name: str, signature: tuple[str, str], write: Any, far_too: str = "") -> str:
        """A function that redoes the block with libm where an argument of sin, cos or tan was beyond the elementary functions' reach."""
        head, tail = self.frame(signature)
        if self.thread:  # a device's own sin, cos and tan have no reach
            return head.format(name) + write(True).replace("far_", "") + tail + "\n\n"
        near = write(False)
        if "far = " not in near:
            return head.format(name) + near + tail + "\n\n"
        far, redo = write(True), f"    if far > REACH:\n        return {name}_far({signature[1]}){far_too}\n"
        self.functions |= {"magnitude", *self.libm(far)}
        start = "    far = BITS(0)\n"
        return head.format(f"{name}_far") + far + tail + "\n\n" + head.format(name) + start + near + redo + tail + "\n\n"

    def observables(self, far: bool) -> str:
        return self.outputs([(f"O[{k}, l] = {{}}", e) for k, e in enumerate(self.parsed.observables.values())], far)

    def value(self, far: bool) -> str:
        return self.outputs([("L[l] = {}", self.parsed.value)], far)

    def outputs(self, outputs: list[tuple[str, Any]], far: bool) -> str:
        used = set().union(*(e.free for _, e in outputs))
        lines = ["    " + s for s in self.numbers()]
        for r in self.parsed.reductions:
            if r.symbol in used:
                lines += self.first_pass(r, None, far)
        lines += self.sum_of_zeros() if outputs and outputs[0][0].startswith("L[l]") else []
        return "\n".join([*lines, *self.loop(4, outputs, far)]) + "\n"

    def sum_of_zeros(self) -> list[str]:
        """Z[0] <- 0 where the iterate is finite, else NaN; for few components `loop` writes that out itself."""
        if self.dim <= UNROLLED:
            return []
        zero = ["    for l in range(W):", "        Z[0, l] = F(0.0)"]
        return [*zero, f"    for d in range({self.dim}):", "        for l in range(W):", "            Z[0, l] += F(0.0) * X[d, l]"]

    def gradient(self, far: bool) -> str:
        """Value and gradient, or the gradient alone."""
        value = self.parsed.value
        reductions = [r for r in self.parsed.reductions if r.symbol in value.free]
        lines = ["    " + s for s in self.numbers()]
        symbols = [r.symbol for r in reductions]
        slopes = dict(zip(symbols, by_each(value, symbols), strict=True))
        linear = {r.symbol for r in reductions if r.kind == "sum" and slopes[r.symbol].still}
        ordered = sorted(reductions, key=lambda r: r.symbol not in linear)
        components = indices(value.free, "x[")
        if self.parsed.gradient is None:
            partials = by_each(value, map(fixed, components))
        else:
            components, partials = list(range(self.dim)), list(self.parsed.gradient)
        earliest = bool(ordered) and (ordered[0].symbol in linear or not components)  # the slopes by components come in between
        self.fresh = self.first_touch(ordered[0]) if earliest else range(0)
        for low, high in ((0, self.fresh.start), (self.fresh.stop, self.dim)) if reductions else ():
            if low < high:
                lines += [f"    for d in range({low}, {high}):", "        for l in range(W):", "            G[d, l] = F(0.0)"]
                lines += [f"            {WITHIN.format('X[d, l]')}"] if self.alone and not far else []
        self.first = ordered[0].symbol if self.fresh else None
        for r in reductions:
            lines += self.first_pass(r, slopes[r.symbol] if r.symbol in linear else None, far)
        checks = [WITHIN.format(f"X[{c}, l]") for c in range(self.dim)] if self.alone and not far and not reductions else []
        plus = "+" if reductions else ""
        outputs = [
            *([] if self.alone else [("L[l] = {}", value)]),
            *((f"G[{c}, l] {plus}= {{}}", e) for c, e in zip(components, partials, strict=True)),
        ]
        outputs += [(f"Z[{self.rows[r.symbol] + 1}, l] = {{}}", slopes[r.symbol]) for r in reductions if r.symbol not in linear]
        outputs += [] if reductions else [(f"G[{c}, l] = {{}}", ZERO) for c in range(self.dim) if c not in components]
        lines += [] if self.alone else self.sum_of_zeros()
        lines += self.loop(4, outputs, far, checks=checks)
        for r in reductions:
            if r.symbol not in linear:
                lines += self.second_pass(r, slopes[r.symbol], far)
        self.first = None
        return "\n".join(lines) + "\n"

    def first_touch(self, r: Reduction) -> range:
        """The components whose gradient the loop of `r`, if it comes first, may set instead of adding to: those at its largest offset."""
        offsets = indices(r.term.free, "x[i")
        if r.kind == "prod" or not offsets:
            return range(0)
        reached = range(r.start + max(offsets), r.stop + max(offsets))
        return range(0) if any(c in reached for c in indices(r.term.free, "x[")) else reached

    # loops over the terms of a reduction

    def first_pass(self, r: Reduction, slope: Any, far: bool) -> list[str]:
        """Accumulate the reduction; with `slope` its part of the gradient too. A product keeps what stands before each factor."""
        row = self.rows[r.symbol]
        start = "1.0" if r.kind == "prod" else "0.0"
        if r.kind == "prod":
            outputs = [(f"Z[{row + 2 - r.start} + i, l] = Z[{row}, l]; Z[{row}, l] *= {{}}", r.term)]
        else:
            outputs = [(f"Z[{row}, l] += {{}}", r.term)]
        if slope is not None:
            outputs = outputs * (not self.alone) + [(place, times(slope, e)) for place, e in self.partials(r)]
            if self.alone and not outputs:
                return []
            if self.alone:
                return [f"    for i in range({r.start}, {r.stop}):", *self.loop(8, outputs, far, checks=self.newest(r, far))]
        head = ["    for l in range(W):", f"        Z[{row}, l] = F({start})", f"    for i in range({r.start}, {r.stop}):"]
        return [*head, *self.loop(8, outputs, far)]

    def second_pass(self, r: Reduction, slope: Node, far: bool) -> list[str]:
        """Add the gradient of a reduction whose slope dF/dR lies in Z; a product runs backwards and builds what stands after."""
        if not self.partials(r):
            return []
        row, weight = self.rows[r.symbol], WEIGHTS[slope.rough or (r.kind == "prod" and r.term.rough)]
        outer, others, after = f"weight = Z[{row + 1}, l]", [], f"Z[{row + 2 + r.stop - r.start}, l]"
        if r.kind == "prod":
            product = f"Z[{row + 2 - r.start} + i, l] * {after}"
            others = [f"others = {product}"] if slope.steep else []
            outer += "" if slope.steep else f" * {product}"
        weight = steep(weight) if slope.steep else weight
        outputs = [(place, chain(weight, times(OTHERS, e) if others else e, r.term)) for place, e in self.partials(r)]
        if r.kind == "sum":
            return [f"    for i in range({r.start}, {r.stop}):", *self.loop(8, outputs, far, [outer], self.newest(r, far))]
        outputs.append((f"{after} *= {{}}", r.term))
        head = ["    for l in range(W):", f"        {after} = F(1.0)", f"    for i in range({r.stop - 1}, {r.start - 1}, -1):"]
        return [*head, *self.loop(8, outputs, far, [outer, *others])]

    def newest(self, r: Reduction, far: bool) -> list[str]:
        """The check of the component that the loop of `r` is the first to touch."""
        touched = self.fresh.start - r.start
        return [WITHIN.format(f"X[i + {touched}, l]")] if self.alone and not far and r.symbol is self.first else []

    def partials(self, r: Reduction) -> list[tuple[str, Any]]:
        """(where it adds to the gradient, derivative of the term) for everything the term depends on."""
        free = r.term.free
        made = [(f"G[i + {o}, l] += {{}}" if o >= 0 else f"G[i - {-o}, l] += {{}}", local(o)) for o in indices(free, "x[i")]
        if made and r.symbol is self.first:
            made[-1] = (made[-1][0].replace("+=", "="), made[-1][1])
        made += [(f"G[{c}, l] += {{}}", fixed(c)) for c in indices(free, "x[")]
        return list(zip((place for place, _ in made), by_each(r.term, (atom for _, atom in made)), strict=True))

    # one lane loop

    def loop(
        self, indent: int, outputs: list[tuple[str, Any]], far: bool, extra: Iterable[str] = (), checks: Iterable[str] = ()
    ) -> list[str]:
        """`for l in range(W)` with the outputs' statements; what does not vary from lane to lane stands before it."""
        if not outputs:
            return []
        expressions = lowered([e for _, e in outputs])
        if not self.thread:
            expressions = half_turns(expressions)
        if len(tree.ordered(expressions)) > MAX_PARTS:
            raise NotFusable(f"a formula with a loop of more than {MAX_PARTS} operations")
        free = set().union(*(e.free for e in expressions))
        names = {**self.parameters, INDEX: "F(i)", OTHERS: "others", **dict.fromkeys(WEIGHTS.values(), "weight")}
        loads = list(extra)
        for c in indices(free, "x["):
            names[fixed(c)] = f"c{c}"
            loads.append(f"c{c} = X[{c}, l]")
        for o in indices(free, "x[i"):
            names[local(o)] = name = f"u{o}".replace("-", "m")
            loads.append(f"{name} = X[i + {o}, l]" if o >= 0 else f"{name} = X[i - {-o}, l]")
        for r in self.parsed.reductions:
            if r.symbol in free:
                names[r.symbol] = f"r{self.rows[r.symbol]}"
                loads.append(f"r{self.rows[r.symbol]} = Z[{self.rows[r.symbol]}, l]")
        if not self.uniform:
            loads += [f"{name} = P[{name[1:]}, l]" for s, name in self.parameters.items() if s in free]
        writer = _Kernel(names, {INDEX, *(self.parameters if self.uniform else ())}, far, expressions, self.thread)
        before, inside = [], []
        for e, name, shown in writer.statements(expressions):
            (before if writer.same(e) else inside).append(f"{name} = {shown}")
        inside += [place.format(writer.text[e]) for (place, _), e in zip(outputs, expressions, strict=True)]
        self.functions |= writer.functions | (set() if self.thread else self.libm("\n".join([*before, *inside])))
        checks = [*checks, *([] if far or self.alone else [WITHIN.format(text) for text in writer.checked])]
        if any(place.startswith("L[l]") for place, _ in outputs):
            finite = "".join(f" + F(0.0) * X[{d}, l]" for d in range(self.dim)) if self.dim <= UNROLLED else " + Z[0, l]"
            checks += [f"z = L[l]{finite}", "bad = np.int32(bad | (0 if (z <= limit) & (z >= LOWEST) else 1))"]
        pad, deep = " " * indent, " " * (indent + 4)
        return [*(pad + s for s in before), pad + "for l in range(W):", *(deep + s for s in [*loads, *inside, *checks])]

    def numbers(self) -> list[str]:
        return [f"{name} = P[{name[1:]}, 0]" for name in self.parameters.values()] if self.uniform else []


class _Kernel(Writer):
    """Writes lane expressions; parts that do not vary from lane to lane get names of their own, to be computed before the loop."""

    def __init__(self, names: dict[Node, str], steady: set[Node], far: bool, outputs: list[Node], thread: bool):
        super().__init__(names)
        self.steady, self.far = frozenset(steady), far
        self.functions: set[str] = set()
        self.checked: list[str] = []
        sines, cosines = ({e.args[0] for e in tree.ordered(outputs) if e.kind == kind} for kind in ("sin", "cos"))
        self.both = set() if thread else sines & cosines

    def same(self, e: Node) -> bool:
        """Whether e does not vary from lane to lane."""
        return e.free <= self.steady

    def apart(self, e: Node, a: Node) -> bool:
        return self.same(a) and not self.same(e)

    def number(self, value: float) -> str:
        return f"F({value!r})" if abs(value) < float("inf") else f"F(np.{'inf' if value > 0 else '-inf' if value < 0 else 'nan'})"

    def function(self, e: Node) -> str:
        given = [self.text[a] for a in e.args]
        if e.kind == "whole":
            made = self.call(f"power{abs(e.data)}", given)
            return made if e.data > 0 else f"(F(1.0) / {made})"
        if e.kind not in REACHING:
            return self.call({"power": "pow", **ABSOLUTE}.get(e.kind, e.kind), given)
        name = PAIRED[e.kind] if e.args[0] in self.both and e.kind in PAIRED else e.kind
        if self.far or self.same(e):
            return "far_" + self.call(name, given)
        if given[0] not in self.checked:
            self.checked.append(given[0])
        return self.call(name, given)

    def call(self, name: str, given: list[str]) -> str:
        self.functions.add(name)
        return f"{name}({', '.join(given)})"
