"""What may be drawn in a formula, all of it made of independent standard normal numbers: once a seed (`draws: {M: "normal(d, d)"}`), or anew at
every step for each of a batch of samples (`samples: {x: "normal(batch, d)"}`), where what follows `batch` is what one sample is.

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
from .error_function import erfc
from .node import Kind
from .sizes import size_of


@dataclass(frozen=True)
class Draw:
    """Random entries of some shape, of `count` standard normal numbers."""

    name: str
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    kind: Kind
    count: int

    def make(self, z: Any, xp: Any = np) -> Any:
        """From standard normal numbers (..., count) arrays (..., *shape), each of its own numbers."""
        made = KINDS[self.name](xp.reshape(z, (-1, *self.shape)), xp)
        return xp.reshape(made, (*z.shape[:-1], *self.shape))


def _uniform(z: Any, xp: Any) -> Any:
    if isinstance(z, np.ndarray):
        from scipy.special import ndtr

        return ndtr(z).astype(z.dtype)
    return erfc(xp, z * -(0.5**0.5)) / 2


def _sphere(z: Any, xp: Any) -> Any:
    norm = xp.sqrt(xp.sum(z * z, axis=tuple(range(1 - z.ndim, 0)), keepdims=True))
    return z / xp.where(norm > 0, norm, 1)  # zeros stand for samples while shapes are found out


def _orthogonal(z: Any, xp: Any) -> Any:
    q, r = xp.linalg.qr(z)
    return q * xp.sign(xp.linalg.diagonal(r))[..., None, :]


def _permutation(z: Any, xp: Any) -> Any:
    return xp.argsort(z, axis=-1, stable=True)


KINDS: dict[str, Callable[[Any, Any], Any]] = {
    "normal": lambda z, xp: z,
    "uniform": _uniform,
    "sign": lambda z, xp: xp.where(z < 0, xp.asarray(-1, dtype=z.dtype), xp.asarray(1, dtype=z.dtype)),
    "sphere": _sphere,
    "permutation": _permutation,
    "orthogonal": _orthogonal,
}


def draw(text: str, sizes: Mapping[str, int], path: tuple[str, ...]) -> Draw:
    """The draw that this text says. Raises PlacedError with the place and what is allowed."""
    return _draw(text, sizes, path, ())


def sample(text: str, sizes: Mapping[str, int], path: tuple[str, ...]) -> Draw:
    """One sample of what this text draws for a batch of them: that of "sphere(batch, d)" is a point on the sphere in d dimensions. Raises
    PlacedError."""
    return _draw(text, sizes, path, ("batch",))


def _draw(text: str, sizes: Mapping[str, int], path: tuple[str, ...], front: tuple[str, ...]) -> Draw:
    """What the text draws behind the sizes that have to stand in front."""
    form = "normal(batch, d)" if front else "normal(d, d)"
    try:
        syntax: Any = parse_expression(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        syntax = None
    if not (isinstance(syntax, ast.Call) and isinstance(syntax.func, ast.Name) and not syntax.keywords):
        raise PlacedError(path, f"'{text[:60]}' is not a draw; write one of {', '.join(KINDS)} with its sizes: {form}")
    name = syntax.func.id
    if name not in KINDS:
        raise PlacedError(path, f"there is no draw '{name:.40}'{suggest(name, KINDS)} (known: {', '.join(KINDS)})")
    texts = [ast.unparse(arg) for arg in syntax.args]
    if tuple(texts[: len(front)]) != front:
        raise PlacedError(
            path, f"the first size must be `batch`, the size of the noise's batches: {name}({', '.join(['batch', *texts])})"[:300]
        )
    found = [size_of(text, sizes, path) for text in texts[len(front) :]]
    shape, axes = tuple(n for n, _ in found), tuple(label for _, label in found)
    if name in ("permutation", "orthogonal") and len(shape) != 1:
        raise PlacedError(path, f"{name} takes one size{' beside `batch`' if front else ''}, {len(shape)} given")
    if name == "orthogonal":
        shape, axes = shape * 2, axes * 2
    count = math.prod(shape)
    kind: Kind = "int" if name == "permutation" else "float"
    return Draw(name, shape, axes, kind, count)
