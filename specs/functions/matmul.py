"""a @ b: the product of matrices, also of a vector and a matrix, a matrix and a vector, two vectors, and stacks of matrices."""

from typing import Any

from ..program.function import Function, as_float, reshaped
from ..program.node import Node, Wrong, apply, broadcast, node


class Matmul(Function):
    """sum_k a_ik b_kj over the last axis of a and the last but one of b; axes in front broadcast."""

    name = "matmul"
    ufunc = "matmul"
    group = "products"
    keeps_sign = True
    examples = ("x @ A", "v @ A", "A @ v", "v @ w", "A @ B @ v", "reshape(x, [3, 1, 4]) @ A", "y @ x")
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        a, b = map(as_float, args)
        if not a.ndim or not b.ndim:
            raise Wrong("@ takes arrays, and {0} and {1} are not both arrays; write * for numbers", a, b)
        first = reshaped(a, (1, *a.shape)) if a.ndim == 1 else a
        second = reshaped(b, (*b.shape, 1)) if b.ndim == 1 else b
        if first.shape[-1] != second.shape[-2]:
            which = "the only axis" if b.ndim == 1 else "the first" if b.ndim == 2 else "the last but one"
            raise Wrong(f"the last axis of {{0}} must be as long as {which} of {{1}}", a, b)
        front = broadcast([first.shape[:-2], second.shape[:-2]])
        if front is None:
            raise Wrong("the axes of {0} and {1} before the last two do not go together", a, b)
        first, second = (reshaped(m, (*(1,) * (len(front) + 2 - m.ndim), *m.shape)) for m in (first, second))
        names = (*("",) * len(front), first.axes[-2], second.axes[-1])
        made = node(self if first.shape[-1] != 1 else OUTER, (first, second), (*front, first.shape[-2], second.shape[-1]), axes=names)
        dropped = [k for k, drop in ((-2, a.ndim == 1), (-1, b.ndim == 1)) if drop]
        return reshaped(made, tuple(n for k, n in enumerate(made.shape) if k - made.ndim not in dropped)) if dropped else made

    def least(self, y: Node) -> int:
        a, b = y.args
        turned = a.function is b.function and a.function.name == "reshape" and a.args == b.args and a.shape[:-2] == b.shape[:-2]
        return 1 if turned and y.shape[-2:] == (1, 1) else super().least(y)  # v @ v is a sum of squares

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        a, b = args
        if b is apply("T", a):  # a a^T: both of its places at once
            return (g + apply("T", g)) @ a, None
        return stacked(g @ apply("T", b), a), stacked(apply("T", a) @ g, b)


class Outer(Matmul):
    """A product of matrices over an axis of size 1: entries are products of two numbers, which are quicker than a product of matrices."""

    name = "outer_matmul"
    ufunc = "multiply"


OUTER = Outer()


def stacked(g: Node, a: Node) -> Node:
    """The sum over the stacks along which a was repeated."""
    front = g.ndim - a.ndim
    axes = (*range(front), *(k + front for k, n in enumerate(a.shape[:-2]) if n == 1 and g.shape[k + front] != 1))
    return reshaped(apply("sum", g, axis=axes), a.shape) if axes else g
