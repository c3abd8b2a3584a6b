"""What stays the same while a run goes on, found so that it is computed before: the parts of a program that hang on data, on numbers which are
the same in all runs, and on what is random about a landscape, and on no variable."""

from collections.abc import Collection, Sequence

from ....specs.program.node import Node, ordered
from .loop_source import WORTH
from .loops import STEPS
from .places import VIEWS

MOST = 2**16
"""Numbers of a part at most: larger ones leave the cache, and to read them takes as long as to compute them."""
WORK = 2
"""Operations for each number of a part at least: fewer take no longer than reading."""
COPY, PRODUCT = 4, 2
"""Operations of a number that is copied; of a multiplication and addition in a product."""


def fixed_parts(outputs: Sequence[Node], still: Collection[str]) -> list[Node]:
    """The largest parts of a program that are made of these inputs alone, where they are worth computing ahead."""
    order = ordered(outputs)
    fixed: set[int] = set()
    work: dict[int, float] = {}
    for n in order:
        name = n.function.name
        if name == "input":
            if n.option("name") in still:
                fixed.add(id(n))
        elif all(id(a) in fixed for a in n.args):
            fixed.add(id(n))
            work[id(n)] = own_work(n) + sum(work.get(id(a), 0.0) for a in n.args)
    used = {id(a) for n in order if id(n) not in fixed for a in n.args}
    return [n for n in order if id(n) in used and WORK * n.size < work.get(id(n), 0.0) and n.size <= MOST and worked(n)]


def own_work(n: Node) -> float:
    """Operations of a node, without those of its arguments."""
    name = n.function.name
    if name in ("number", "array") or name in VIEWS:
        return 0.0
    entries = max([n.size, *(a.size for a in n.args)])
    if name == "matmul":
        return PRODUCT * n.size * n.args[0].shape[-1]
    return entries * (COPY if name in STEPS else WORTH.get(name, 1))


def worked(n: Node) -> bool:
    """Whether there is work on arrays in it; numbers alone are cheap."""
    return n.size > 1 or any(a.size > 1 for m in ordered([n]) for a in m.args)
