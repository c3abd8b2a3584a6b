"""Sizes of axes: whole numbers, names of sizes, and sums, products and quotients of these: 'h', '2*h + 1', 'n//2'."""

import ast
from collections.abc import Mapping

from ..errors import PlacedError, suggest
from ..names import parse_expression

MAX_SIZE = 2**28


def size_of(given: "int | str", sizes: Mapping[str, int], path: tuple[str, ...]) -> tuple[int, str]:
    """(the size, its name for messages). Raises PlacedError for what is no size."""
    text = str(given)
    try:
        size = _value(parse_expression(text), sizes, path)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, PlacedError):
            raise
        raise PlacedError(
            path, f"'{text[:60]}' is not a size; write a whole number, a name of `sizes`, or a sum or product of them"
        ) from None
    if not 1 <= size <= MAX_SIZE:
        raise PlacedError(path, f"the size {text[:60]} is {size:,}; sizes are 1 to {MAX_SIZE:,}")
    return size, text if not text.isdecimal() else ""


def _value(n: ast.AST, sizes: Mapping[str, int], path: tuple[str, ...]) -> int:
    match n:
        case ast.Constant(value=int() as value) if not isinstance(value, bool) and abs(value) <= MAX_SIZE:
            return value
        case ast.Name(id=name) if name in sizes:
            return sizes[name]
        case ast.Name(id=name):
            raise PlacedError(path, f"there is no size '{name:.40}'{suggest(name, sizes)} (known: {', '.join(sizes) or 'none'})")
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() as op, right=right):
            a, b = _value(left, sizes, path), _value(right, sizes, path)
            if isinstance(op, ast.FloorDiv):
                if not b:
                    raise ValueError("a division by zero")
                return a // b
            return a + b if isinstance(op, ast.Add) else a - b if isinstance(op, ast.Sub) else a * b
    raise ValueError("no size")
