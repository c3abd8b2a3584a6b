"""From functions for one thread of a CUDA device to functions for a warp of them, which shares a run of many components.

Components are dealt out in pairs, since a Philox block makes two: the thread in lane k holds components 2 (k + 32 j) and the next, j = 0, 1, ...
A loop over components becomes a loop over the thread's own, which its slots hold, and a sum over them is then added up over the warp. The sum is made by
exchanges, x <- x + x of the lane at distance 16, 8, 4, 2, 1, so that all lanes get the same bits, and all of them take the same branches.
What needs a component that another thread holds (neighbours, x[0], products) is not shared.
"""

import ast
import functools

from .inline import NotFusable

OWN = {"X": 0, "G": 0, "XI": 0, "S": 1}
"""Arrays with the thread's components alone, and which of their indices is the component."""
LOOPS = ("i", "d")
"""Names that loops over components give them."""
HEAD = '''

ALL, WARP = 0xFFFFFFFF, {warp}


@device
def together(total):
{exchanges}    return total
'''


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
def shared(text: str, dim: int, warp: int) -> str:
    """The module (source.py) for a warp. Raises NotFusable where its threads would need each other's components."""
    tree = ast.parse(text)
    tree = ast.fix_missing_locations(_Dealer(dim, warp).visit(tree))
    exchanges = "".join(f"    {line}\n" for line in exchange(warp, "total", "total + {}"))
    first = next(k for k, node in enumerate(tree.body) if isinstance(node, ast.FunctionDef))
    made = [*tree.body[:first], *ast.parse("from numba import cuda" + HEAD.format(warp=warp, exchanges=exchanges)).body, *tree.body[first:]]
    return ast.unparse(ast.Module(made, [])) + "\n"


class _Dealer(ast.NodeTransformer):
    """Deals out the loops over components."""

    def __init__(self, dim: int, warp: int):
        self.dim, self.warp = dim, warp
        self.index: str | None = None
        self.added: dict[str, None] = {}

    def visit_For(self, loop: ast.For) -> ast.AST | list[ast.stmt]:
        assert isinstance(loop.target, ast.Name)
        if loop.target.id not in LOOPS:
            return self.generic_visit(loop)
        if self.index or ast.unparse(loop.iter) not in (f"range({self.dim})", f"range(0, {self.dim})", "range(X.shape[0])"):
            raise NotFusable(f"a loop over {ast.unparse(loop.iter)}")
        self.index, self.added = loop.target.id, {}
        body = [self.visit(statement) for statement in loop.body]
        name, self.index = self.index, None
        lines = f"for slot in range({slots(self.dim, self.warp)}):", f"    {name} = {component('slot', 'lane')}", f"    if {name} < {self.dim}: pass"
        dealt = ast.parse("\n".join(lines))
        (outer,) = dealt.body
        assert isinstance(outer, ast.For)
        assert isinstance(outer.body[1], ast.If)
        outer.body[1].body = body
        return [outer, *ast.parse("".join(f"for l in range(W): {place} = together({place})\n" for place in self.added)).body]

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
        return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in OWN

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if not self.own(node):
            return self.generic_visit(node)
        assert isinstance(node.value, ast.Name)
        assert isinstance(node.slice, ast.Tuple)
        index, at = node.slice.elts, OWN[node.value.id]
        if self.index is None or ast.unparse(index[at]) not in (self.index, f"{self.index} + 0"):
            raise NotFusable(f"component {ast.unparse(index[at])}")
        index[at] = ast.Name("slot", ast.Load())
        return node

    def visit_FunctionDef(self, function: ast.FunctionDef) -> ast.AST:
        self.generic_visit(function)
        if any(isinstance(node, ast.Name) and node.id == "slot" for node in ast.walk(function)):
            function.body[:0] = ast.parse("lane = cuda.threadIdx.x % WARP").body
        return function
