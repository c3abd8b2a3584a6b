"""Where the runs of a shard start: drawn by the kind of the study's `init`, for all components at once or for one variable after the other.

Every variable takes its own part of the numbers that are drawn for the whole point: `init: normal` and a normal start for each variable are the
same bits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ....specs.errors import SpecError
from ....specs.formulas import value
from ....specs.init import ByVariable, FanIn, File, Mix, Normal, Orthogonal, Point, Solution, Sphere, Uniform
from ....specs.sweep import NumberFormula, resolved
from ...store.matched import stored_points
from .. import philox
from .start_file import start_from_file

if TYPE_CHECKING:
    from .simulation import Simulation


@dataclass(frozen=True)
class Piece:
    """A part of the flat point: where it lies, how many components it has, and the shapes of the blocks in it."""

    where: slice
    size: int
    shapes: tuple[tuple[int, ...], ...]


def start_of(simulation: "Simulation", init: Any, shape: tuple[int, ...]) -> Any:
    """A start of this shape by this init, or by those of the variables."""
    land, numbers = simulation.parts.landscape, simulation.init_p
    first = cache(simulation.first)
    whole = Piece(slice(None), simulation.dim, tuple(land.blocks.values()))
    if not isinstance(init, ByVariable):
        return start_of_piece(simulation, init, {path[-1]: v for path, v in numbers.items()}, whole, shape, first)
    rest = land.start()
    pieces = []
    for name, (where, own) in land.places.items():
        if name in init.of:
            p = {path[-1]: v for path, v in numbers.items() if path[0] == name}
            pieces.append(start_of_piece(simulation, init.of[name], p, Piece(where, math.prod(own), (own,)), shape, first))
        else:
            p = {path[-1]: v for path, v, _ in rest.fields()}
            pieces.append(start_of_piece(simulation, rest, p, whole, shape, first)[..., where])
    return simulation.xp.concat(pieces, axis=-1)


def start_of_piece(
    simulation: "Simulation", init: Any, p: dict[str, Any], piece: Piece, shape: tuple[int, ...], first: Callable[[Any], Any]
) -> Any:
    """The start of one piece of the point.

    Parameters
    ----------
    simulation
        The shard's.
    init
        The kind of start.
    p
        Its numbers by name.
    piece
        Which part of the point it is.
    shape
        The shape of the start of the whole point.
    first
        Draws random numbers for the whole point, by a function of philox.py.

    Returns
    -------
    Any
        The start (*shape[:-1], piece.size).

    Raises
    ------
    SpecError
        If the landscape has no start of this kind.
    """
    xp, study = simulation.xp, simulation.study
    full = xp.zeros((*shape[:-1], piece.size), dtype=simulation.dtype)
    match init:
        case Point():
            return full + simulation.vector(init.at, piece.size)
        case Normal():
            return full + simulation.vector(init.mean, piece.size) + p["std"] * first(philox.normal)[..., piece.where]
        case Uniform():
            low, high = p["low"], p["high"]
            return full + low + (high - low) * first(philox.uniform)[..., piece.where]
        case Sphere():
            z = first(philox.normal)[..., piece.where]
            return full + p["radius"] * z / xp.sqrt(xp.sum(z * z, axis=-1, keepdims=True))
        case Solution():
            known = simulation.parts.landscape.solution(simulation.p, xp)
            if known is None:
                raise SpecError(f"init: the landscape {simulation.parts.landscape.kind} has no planted solution to start at")
            known = xp.reshape(known, (*known.shape[:2], *(1,) * (len(shape) - 3), simulation.dim))[..., piece.where]
            return full + known + p["std"] * first(philox.normal)[..., piece.where]
        case FanIn():
            return full + p["gain"] * xp.asarray(fan_in(piece.shapes).astype(study.precision)) * first(philox.normal)[..., piece.where]
        case Orthogonal():
            return full + p["gain"] * orthogonal(first(philox.normal)[..., piece.where], piece.shapes, xp)
        case Mix():
            return mixed(simulation, init, p, shape, first)
        case File():
            return full + xp.asarray(start_from_file(init, simulation.dim, study.seeds)[simulation.seeds].astype(study.precision))
    raise SpecError(f"init: the array executor has no start of kind '{init.kind}'")


def mixed(simulation: "Simulation", init: Mix, p: dict[str, Any], shape: tuple[int, ...], first: Callable[[Any], Any]) -> Any:
    """The sum of stored parameters and fresh starts, each times its weight; arguments as of start_of_piece."""
    xp, total = simulation.xp, 0.0
    known = {name: np.asarray(p[name], dtype=np.float64) for name in init.parameters}
    for one, weight in zip(init.of, init.weights, strict=True):
        factor = value(NumberFormula(weight), known, simulation.study.steps) if isinstance(weight, str) else np.float64(weight)
        factor = factor.reshape(*factor.shape[:2], *(1,) * (len(shape) - 2)) if factor.ndim else factor
        if isinstance(one, str):
            land = simulation.parts.landscape
            fields = {path[-1]: v for path, v, _ in land.start().fields()}
            whole = Piece(slice(None), simulation.dim, tuple(land.blocks.values()))
            part = xp.astype(start_of_piece(simulation, land.start(), fields, whole, shape, first), xp.float64)
        else:
            found = stored_points(one, simulation.shard, resolved(init.at))
            if found.shape[-1] != simulation.dim:
                raise SpecError(f"init: {one.store} has points of {found.shape[-1]} components; the landscape has {simulation.dim}")
            part = xp.asarray(found.reshape(*found.shape[:2], *(1,) * (len(shape) - 3), simulation.dim))
        total = total + xp.asarray(factor) * part
    return xp.broadcast_to(xp.astype(total, simulation.dtype), shape)


def fan_in(shapes: Sequence[tuple[int, ...]]) -> np.ndarray:
    """1 / sqrt(fan_in) for every entry of a matrix, 0 for the entries of vectors."""
    return np.concatenate([np.full(math.prod(shape), 1 / np.sqrt(shape[0]) if len(shape) > 1 else 0.0) for shape in shapes])


def orthogonal(z: Any, shapes: Sequence[tuple[int, ...]], xp: Any) -> Any:
    """Normal numbers (..., dim) with every matrix among them made one of orthonormal columns, or rows where it is wide, and 0 elsewhere. R's
    diagonal is made positive, so that the law is Haar's: Mezzadri 2007, Notices AMS 54:592."""
    made, begin = [], 0
    for shape in shapes:
        size = math.prod(shape)
        part = z[..., begin : begin + size]
        begin += size
        if len(shape) > 1:
            matrix = xp.reshape(part, (*part.shape[:-1], shape[0], size // shape[0]))
            wide = shape[0] < size // shape[0]
            q, r = xp.linalg.qr(xp.matrix_transpose(matrix) if wide else matrix)
            q = q * xp.sign(xp.linalg.diagonal(r))[..., None, :]
            made.append(xp.reshape(xp.matrix_transpose(q) if wide else q, part.shape))
        else:
            made.append(xp.zeros_like(part))
    return xp.concat(made, axis=-1)
