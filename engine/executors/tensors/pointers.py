"""What generated code does with pointers, sums whose order is left to LLVM, and extremes. Numba has none of it."""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


@intrinsic
def at(context, pointer, offset):
    """The pointer so many numbers further on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), generate


@intrinsic
def pointer_to(context, array):
    """A pointer to the first number of an array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def chosen(context, condition, a, b):
    """a if the condition holds, else b. Both are read first: LLVM makes no vectors of a loop that reads a number within a branch."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return (a(types.boolean, a, a), generate) if a == b else None


@intrinsic
def plus(context, a, b):
    """a + b, where LLVM may add up in any order: the sum of a row takes whole vectors."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(*args, flags=("reassoc", "nsz", "contract"))

    return a(a, a), generate


def _extreme(sign: str) -> Any:
    def extreme(context, a, b):
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(sign, *args, flags=("nnan", "nsz")), *args, flags=("nnan", "nsz"))

        return a(a, a), generate

    return intrinsic(extreme)


largest, smallest = _extreme(">"), _extreme("<")
"""The larger or smaller of two numbers that are not NaN."""


def _extreme_or_nan(sign: str) -> Any:
    def extreme(context, a, b):
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number, whole = args[0].type, ir.IntType(64 if isinstance(args[0].type, ir.DoubleType) else 32)
            found = builder.bitcast(builder.select(builder.fcmp_ordered(sign, *args), *args), whole)  # b where one is NaN
            ones = builder.sext(builder.fcmp_unordered("uno", args[0], args[0]), whole)  # all bits set are a NaN
            return builder.bitcast(builder.or_(found, ones), number)

        return a(a, a), generate

    return intrinsic(extreme)


larger, smaller = _extreme_or_nan(">"), _extreme_or_nan("<")
"""The larger or smaller of two numbers, or NaN if one is. Made without a choice of a: of `p[i] = p[i] if ... else b` LLVM makes a store under a mask,
for which some processors take twelve cycles."""


@intrinsic
def as_vectors(context):
    """Called last in a function: its innermost loops are not unrolled before LLVM makes vectors of them. It would unroll a loop over one or two
    vectors completely, and then find few vectors in what is left."""

    return types.none(), hinting(1)


@intrinsic
def as_four_vectors(context):
    """`as_vectors`, but four at a time: a long sum into one vector would wait for every addition."""
    return types.none(), hinting(4)


def hinting(count: int) -> Any:
    """What marks the innermost loops of the function at hand: so many vectors at a time."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for branch in innermost(builder.function):
            branch.set_metadata("llvm.loop", loop_hints(builder.module, count))
        return context.get_dummy_value()

    return generate


def innermost(function: Any) -> list[Any]:
    """The branches back to the beginning of loops that have no loop inside."""
    after = {
        block: [b for b in block.terminator.operands if isinstance(b, ir.Block)] if block.terminator else [] for block in function.blocks
    }
    backs, seen, path = [], set(), []
    for root in function.blocks:  # the first of them has no end yet
        path = [] if root in seen else [(root, iter(after[root]))]
        seen.add(root)
        while path:
            block, rest = path[-1]
            for other in rest:
                if other in [b for b, _ in path]:
                    backs.append((block, other))
                elif other not in seen:
                    seen.add(other)
                    path.append((other, iter(after[other])))
                    break
            else:
                path.pop()
    before: dict[Any, list[Any]] = {}
    for block, others in after.items():
        for other in others:
            before.setdefault(other, []).append(block)
    found = []
    for tail, head in backs:
        body, todo = {head, tail}, [tail]
        while todo:
            for block in before.get(todo.pop(), ()):
                if block not in body:
                    body.add(block)
                    todo.append(block)
        if not any(other in body for _, other in backs if other is not head):
            found.append(tail.terminator)
    return found


def loop_hints(module: Any, count: int) -> Any:
    """A loop's own metadata: no unrolling, and so many vectors at a time."""
    off = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    many = module.add_metadata([ir.MetaDataString(module, "llvm.loop.interleave.count"), ir.Constant(ir.IntType(32), count)])
    own = ir.MDValue(module, [off, many], name=str(len(module.metadata)))
    own.operands = (own, off, many)
    return own
