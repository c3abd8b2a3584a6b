"""where(condition, a, b): a where the condition holds, b elsewhere."""

from typing import Any

from ..program.function import Elementwise, as_float, summed
from ..program.node import Node, Wrong, apply


class Where(Elementwise):
    """a where the condition holds, b elsewhere. What is not chosen gets the adjoint 0, even where its own value or slope is NaN."""

    name = "where"
    keeps_sign = True
    examples = ("where(x > 0, x*z, v)", "where(c, x, 0)")
    count = 3
    rough = False

    def build(self, *args: Node, **options: Any) -> Node:
        if args[0].kind != "bool":
            raise Wrong("where takes a comparison as its first argument, and {0} is not one", args[0])
        return super().build(*args)

    def prepared(self, *args: Node) -> tuple[Node, ...]:
        condition, a, b = args
        return condition, as_float(a), as_float(b)

    def formula(self, xp: Any, condition: Any, a: Any, b: Any) -> Any:
        return xp.where(condition, a, b)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        condition, a, b = args
        return (
            None,
            summed(apply("where", condition, g, 0.0), y.shape, a.shape),
            summed(apply("where", condition, 0.0, g), y.shape, b.shape),
        )
