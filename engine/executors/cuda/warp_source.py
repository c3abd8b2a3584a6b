"""From functions for one thread of a CUDA device to functions for a warp of them, which shares a run of many components.

Components are dealt out in pairs, since a Philox block makes two: the thread in lane k holds components 2 (k + 32 j) and the next, j = 0, 1, ...
A loop over components becomes a loop over the thread's own, which its slots hold, and a sum over them is then added up over the warp: by
exchanges, x <- x + x of the lane at distance 16, 8, 4, 2, 1, so that all lanes get the same bits, and all of them take the same branches.

A landscape whose terms take more than one component (neighbours, x[0]) puts the iterate into shared memory, and gathers its gradient there:
each of 32 terms at a time adds to one component, then each to its next one. Products, whose factors wait for each other, are not shared.
"""

import ast
import copy
import functools
import itertools
from collections.abc import Iterable

from ....specs.syntax import syntax_tree
from ..codegen.refusal import NotFusable

OWN = {"X": 0, "G": 0, "XI": 0, "S": 1}
"""Arrays with the thread's components alone, and which of their indices is the component."""
LOOPS = ("i", "d")
"""Names that loops over components give them."""
COUPLED = {"landscape": 2, "observe": 1}
"""Functions whose terms may take any component, and the vectors that each then has in shared memory."""
SHARED_BYTES = 48 * 2**10
"""Shared memory of a block."""
BLOCK_WARPS = 4
"""Most warps of a block; each has room of its own."""
HEAD = """from numba import cuda
ALL, WARP = 0xFFFFFFFF, {warp}


@device
def together(total):
    {exchanges}
    return total
"""
BEFORE = """
of_warps = cuda.shared.array(({vectors}, {warps}, {dim}), F)
at, gradient = of_warps[0, cuda.threadIdx.x // WARP], of_warps[{vectors} - 1, cuda.threadIdx.x // WARP]
for slot in range({slots}):
    d = {component}
    if d < {dim}:
        at[d] = X[slot, 0]
cuda.syncwarp()
"""
AFTER = """
for slot in range({slots}):
    d = {component}
    if d < {dim}:
        G[slot, 0] = gradient[d]
"""


def slots(dim: int, warp: int) -> int:
    """Components that a thread of a warp holds."""
    return 2 * -(-dim // (2 * warp))


def component(slot: str, lane: str) -> str:
    """The component in a slot of a lane."""
    return f"2 * ({lane} + ({slot} >> 1) * WARP) + ({slot} & 1)"


def exchange(warp: int, name: str, new: str) -> list[str]:
    """Statements by which the threads of a warp put together their `name`, all in the same order: log2(warp) exchanges."""
    distances = [warp >> k for k in range(1, warp.bit_length())]
    return [f"{name} = {new.format(f'cuda.shfl_xor_sync(ALL, {name}, {distance})')}" for distance in distances]


@functools.lru_cache(maxsize=256)
def shared(text: str, dim: int, warp: int, itemsize: int) -> str:
    """The module (source.py) for a warp. Raises NotFusable where its threads would need each other's components and cannot have them."""
    made: list[ast.stmt] = []
    vectors = 0
    for node in syntax_tree(text).body:
        if not isinstance(node, ast.FunctionDef):
            made.append(node)
            continue
        if not any(isinstance(m, ast.FunctionDef) for m in made):
            made += lines(HEAD.format(warp=warp, exchanges="\n    ".join(exchange(warp, "total", "total + {}"))))
        try:
            made.append(_Dealt(dim, warp).function(copy.deepcopy(node)))
        except NotFusable:
            vectors += COUPLED.get(node.name, 0)
            if node.name not in COUPLED or vectors * BLOCK_WARPS * dim * itemsize > SHARED_BYTES:
                raise
            made.append(_Gathered(dim, warp).function(node))
    return ast.unparse(ast.fix_missing_locations(ast.Module(made, []))) + "\n"


def lines(*text: str) -> list[ast.stmt]:
    return syntax_tree("\n".join(text)).body


class _Dealt(ast.NodeTransformer):
    """Deals out the loops over components, none of which needs another."""

    def __init__(self, dim: int, warp: int):
        self.dim, self.warp = dim, warp
        self.index: str | None = None
        self.added: dict[str, None] = {}

    def function(self, function: ast.FunctionDef) -> ast.FunctionDef:
        self.visit(function)
        if any(isinstance(node, ast.Name) and node.id == "slot" for node in ast.walk(function)):
            function.body[:0] = lines("lane = cuda.threadIdx.x % WARP")
        return function

    def visit_For(self, loop: ast.For) -> ast.AST | list[ast.stmt]:
        name = ast.unparse(loop.target)
        if name not in LOOPS:
            return self.generic_visit(loop)
        if self.index or ast.unparse(loop.iter) not in (f"range({self.dim})", f"range(0, {self.dim})", "range(X.shape[0])"):
            raise NotFusable(f"a loop over {ast.unparse(loop.iter)}")
        self.index, self.added = name, {}
        body = [self.visit(statement) for statement in loop.body]
        self.index = None
        held = f"    {name} = {component('slot', 'lane')}", f"    if {name} < {self.dim}: pass"
        (dealt,) = lines(f"for slot in range({slots(self.dim, self.warp)}):", *held)
        assert isinstance(dealt, ast.For)
        assert isinstance(dealt.body[1], ast.If)
        dealt.body[1].body = body
        return [dealt, *lines(*(f"for l in range(W): {place} = together({place})" for place in self.added))]

    def visit_AugAssign(self, add: ast.AugAssign) -> ast.AST:
        if self.index and not self.own(add.target):
            if not isinstance(add.op, ast.Add):
                raise NotFusable("a product over components")
            self.added[ast.unparse(add.target)] = None
        return self.generic_visit(add)

    def visit_Assign(self, assign: ast.Assign) -> ast.AST:
        (target,) = assign.targets
        if self.index and isinstance(target, ast.Subscript) and not self.own(target):
            raise NotFusable("numbers that are kept for every component")
        return self.generic_visit(assign)

    def own(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Subscript) and ast.unparse(node.value) in OWN

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if not self.own(node):
            return self.generic_visit(node)
        assert isinstance(node.slice, ast.Tuple)
        index, at = node.slice.elts, OWN[ast.unparse(node.value)]
        if self.index is None or ast.unparse(index[at]) not in (self.index, f"{self.index} + 0"):
            raise NotFusable(f"component {ast.unparse(index[at])}")
        index[at] = ast.Name("slot", ast.Load())
        return node


class _Gathered(ast.NodeTransformer):
    """Deals out the terms of a landscape; `at` and `gradient` of the run are in shared memory."""

    def __init__(self, dim: int, warp: int):
        self.dim, self.warp = dim, warp
        self.numbers = itertools.count()

    def function(self, function: ast.FunctionDef) -> ast.FunctionDef:
        *statements, end = self.flat(function.body)
        assert isinstance(end, ast.Return)
        gradient, vectors = function.name == "landscape", COUPLED[function.name]
        sizes = {"dim": self.dim, "slots": slots(self.dim, self.warp), "component": component("slot", "lane")}
        body = lines("lane = cuda.threadIdx.x % WARP", BEFORE.format(**sizes, warps=BLOCK_WARPS, vectors=vectors))
        for statement in statements:
            body += self.loop(statement) if isinstance(statement, ast.For) else self.once(statement)
        function.body = [*body, *(lines(AFTER.format(**sizes)) if gradient else []), *lines("cuda.syncwarp()"), end]
        return function

    def flat(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        """The statements, those for the block's one lane without a loop."""
        made: list[ast.stmt] = []
        for statement in statements:
            if isinstance(statement, ast.For) and ast.unparse(statement.target) == "l":
                made += self.flat(statement.body)
            else:
                made.append(statement)
        return [s if isinstance(s, ast.For) else self.visit(s) for s in made]

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(0) if node.id == "l" else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        array = {"X": "at", "G": "gradient"}.get(ast.unparse(node.value))
        if array and isinstance(node.slice, ast.Tuple):
            return ast.Subscript(ast.Name(array, ast.Load()), node.slice.elts[0], node.ctx)
        return node

    def once(self, statement: ast.stmt) -> list[ast.stmt]:
        """A statement outside the loops over terms: all lanes do it; what is shared, the first."""
        if stored(statement, "gradient"):
            return lines("if lane == 0:", f"    {ast.unparse(statement)}", "cuda.syncwarp()")
        return [statement]

    def loop(self, loop: ast.For) -> list[ast.stmt]:
        """A loop over terms, dealt out: a term a lane at a time."""
        name, terms = ast.unparse(loop.target), _Terms()
        assert isinstance(loop.iter, ast.Call)
        bounds = [ast.literal_eval(a) if isinstance(a, ast.Constant) else None for a in loop.iter.args]
        start, stop = (0, *bounds)[-2:]
        if len(bounds) > 2 or start is None or stop is None:
            raise NotFusable(f"a loop over {ast.unparse(loop.iter)}")
        for statement in self.flat(loop.body):
            terms.take(statement, name, f"_{next(self.numbers)}")
        shares = terms.first + terms.then
        made = [*(f"{total} = F(0)" for total in terms.totals.values()), f"for turn in range({-(-(stop - start) // self.warp)}):"]
        made += [f"    {name} = {start} + lane + turn * WARP", *(f"    {share} = F(0)" for _, share in shares)]
        made += [f"    if {name} < {stop}:", *(f"        {line}" for line in terms.inside)]
        for store, share in shares:
            made += [f"    if {name} < {stop}:", f"        {store} {share}", "    cuda.syncwarp()"]
        made += [f"{total} = together({total})" for total in terms.totals.values()]
        sums = [self.once(*lines(f"{place} += {total}")) for place, total in terms.totals.items()]
        return [*lines(*made), *itertools.chain(*sums)]


class _Terms:
    """What a lane does with its term: `inside` computes it; `first` and `then` are (store, name) of its shares of the gradient, which set a
    component or add to it; `totals` name what is added up over the terms, by place."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.first: list[tuple[str, str]] = []
        self.then: list[tuple[str, str]] = []
        self.totals: dict[str, str] = {}

    def take(self, statement: ast.stmt, index: str, new: str) -> None:
        """One statement of a loop over `index`; `new` is a name for what it stores."""
        target, adds = stored(statement), isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add)
        if target is None or isinstance(target, ast.Name):
            self.inside.append(ast.unparse(statement))
            return
        assert isinstance(statement, (ast.Assign, ast.AugAssign))
        place, value = ast.unparse(target), ast.unparse(statement.value)
        moves = any(isinstance(n, ast.Name) and n.id == index for n in ast.walk(target))
        if adds and not moves:
            self.inside.append(f"{self.totals.setdefault(place, new)} += {value}")
        elif stored(statement, "gradient") and moves and (adds or isinstance(statement, ast.Assign)):
            self.inside.append(f"{new} = {value}")
            (self.then if adds else self.first).append((f"{place} {'+' * adds}=", new))
        else:
            raise NotFusable("terms that wait for each other")


def stored(statement: ast.stmt, array: str = "") -> ast.expr | None:
    """What a statement stores to, if it is this array; to any place without one."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AugAssign) else []
    for target in targets:
        if not array or (isinstance(target, ast.Subscript) and ast.unparse(target.value) == array):
            return target
    return None
