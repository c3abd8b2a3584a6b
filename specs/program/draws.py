"""What may be drawn once a seed in a formula (`draws: {M: "normal(d, d)"}`), all of it made of independent standard normal numbers.

normal(sizes...)     standard normal entries
uniform(sizes...)    uniform in [0, 1): Phi(z)
sign(sizes...)       -1 or 1, with equal chances
sphere(sizes...)     uniform on the unit sphere: z / |z|
permutation(n)       a random order of 0, ..., n - 1, as whole numbers
orthogonal(n)        an orthogonal matrix, uniform by Haar's measure (Mezzadri 2007, Notices AMS 54:592)
"""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import PlacedError, suggest
from ..names import parse_expression
from .node import Kind
from .sizes import size_of


@dataclass(frozen=True)
class Draw:
    """Random entries of some shape: `make` turns standard normal numbers (seeds, count) into arrays (seeds, *shape)."""

    shape: tuple[int, ...]
    axes: tuple[str, ...]
    kind: Kind
    count: int
    make: Callable[[np.ndarray], np.ndarray]


def _uniform(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(z).astype(z.dtype)


def _sphere(z: np.ndarray) -> np.ndarray:
    return z / np.sqrt(np.sum(z * z, axis=tuple(range(1, z.ndim)), keepdims=True))


def _orthogonal(z: np.ndarray) -> np.ndarray:
    q, r = np.linalg.qr(z)
    return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


def _permutation(z: np.ndarray) -> np.ndarray:
    return np.argsort(z, axis=-1, kind="stable")


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "normal": lambda z: z,
    "uniform": _uniform,
    "sign": lambda z: np.where(z < 0, -1, 1).astype(z.dtype),
    "sphere": _sphere,
    "permutation": _permutation,
    "orthogonal": _orthogonal,
}


def draw(text: str, sizes: Mapping[str, int], path: tuple[str, ...]) -> Draw:
    """The draw that this text says. Raises PlacedError with the place and what is allowed."""
    try:
        syntax: Any = parse_expression(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        syntax = None
    if not (isinstance(syntax, ast.Call) and isinstance(syntax.func, ast.Name) and not syntax.keywords):
        raise PlacedError(path, f"'{text[:60]}' is no draw; write one of {', '.join(KINDS)} with its sizes: normal(d, d)")
    name = syntax.func.id
    if name not in KINDS:
        raise PlacedError(path, f"there is no draw '{name:.40}'{suggest(name, KINDS)} (known: {', '.join(KINDS)})")
    found = [size_of(ast.unparse(arg), sizes, path) for arg in syntax.args]
    shape, axes = tuple(n for n, _ in found), tuple(label for _, label in found)
    if name in ("permutation", "orthogonal") and len(shape) != 1:
        raise PlacedError(path, f"{name} takes one size, {len(shape)} given")
    if name == "orthogonal":
        shape, axes = shape * 2, axes * 2
    count = math.prod(shape)
    kind: Kind = "int" if name == "permutation" else "float"
    return Draw(shape, axes, kind, count, lambda z: KINDS[name](z.reshape(len(z), *shape)))
