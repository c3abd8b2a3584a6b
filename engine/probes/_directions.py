"""Directions in the space of parameters at every point of a view: (rows, seeds, directions, dim), NaN where there is none."""

from typing import Any, Literal

import numpy as np

from ...optimizers.base import ElementwiseOptimizer
from ...specs.probe import Scene
from ..executors import philox
from ..executors.choose import array_simulation
from ..plan import Shard
from ..results.principal import oriented
from ..store.parameters import rule_state
from . import _lanczos
from ._operators import Operator, hessian
from ._view import View

EXACT = 200
"""Components up to which eigenvectors are those of the whole matrix."""
START, DRAWN = 2**33 + 1, 2**33 + 2
"""The addresses, in place of a step, of the vectors that Lanczos' method begins with and of random directions: the same at all steps of a run."""

Normalize = Literal["none", "layer", "filter"]


def length(v: Any) -> Any:
    """|v| of v (..., dim), as (..., 1)."""
    return np.sqrt((v * v).sum(axis=-1, keepdims=True))


def unit(v: Any) -> Any:
    """v / |v|; NaN where v is 0."""
    return v / np.where((size := length(v)) > 0, size, np.nan)


def normals(view: View, count: int, address: int = DRAWN) -> Any:
    """Standard normal vectors (rows, seeds, count, dim), of every seed their own, the same at all its points and steps: Philox, stream PROBE."""
    dim = view.x.shape[-1]
    drawn = philox.normal(view.group.study.root_seed, philox.PROBE, view.seeds, [address], count * dim, np.float64)[0]
    return np.broadcast_to(drawn.reshape(1, len(view.seeds), count, dim), (*view.x.shape[:2], count, dim))


def top(view: View, count: int, steps: int, matrix: Operator | None = None) -> tuple[Any, Any]:
    """The largest eigenvalues (rows, seeds, count), decreasing, and unit eigenvectors (rows, seeds, count, dim) of the view's Hessian, or of another
    matrix: exact up to 200 components, else from so many steps of Lanczos' method."""
    matrix = hessian(view) if matrix is None else matrix
    if matrix.size <= EXACT:
        whole = matrix.matrix()
        lost = ~np.isfinite(whole).all(axis=(-2, -1))[..., None]
        values, vectors = np.linalg.eigh(np.where(lost[..., None], 0.0, whole))
        values = np.where(lost, np.nan, np.flip(values, axis=-1)[..., :count])
        vectors = np.where(lost[..., None], np.nan, np.flip(np.swapaxes(vectors, -1, -2), axis=-2)[..., :count, :])
    else:
        values, vectors = _lanczos.ritz(matrix.product, unit(normals(view, 1, START)[:, :, 0]), steps, count)
    return values, oriented(vectors)


def preconditioner(view: View) -> Any:
    """What Adam and its kin divide by, sqrt(v^) + eps, at the view's steps: (rows, seeds, dim)."""
    shard, steps = Shard(view.group, view.box), list(dict.fromkeys(view.t.tolist()))
    v = np.stack([rule_state(view.root, view.group, view.box, t, "v") for t in steps], axis=1)
    numbers = {
        path[-1]: np.reshape(a, (-1, 1, 1, 1)) for path, a in array_simulation(shard).exact_p.items() if path[-1] in ("beta2", "eps")
    }
    if "beta2" in numbers:
        v = v / (1 - numbers["beta2"] ** np.asarray(steps, dtype=np.float64)[:, None, None])
    return (np.sqrt(v) + numbers["eps"]).reshape(view.x.shape)


def no_preconditioner(scene: Scene, steps: tuple[int, ...]) -> str | None:
    """Why there is no such preconditioner at these steps; None if there is."""
    optimizer = scene.optimizer
    known = isinstance(optimizer, ElementwiseOptimizer) and "v" in optimizer.state and "u" not in optimizer.state
    if not (known and "eps" in type(optimizer).model_fields):
        return f"needs a rule that divides by the root of a second moment, such as adam, and {optimizer.name} does not"
    if missing := [t for t in steps if t not in scene.study.record.state]:
        return f"needs the second moment of step {missing[0]}; add {missing[0]} to record.state"
    return f"the second moment begins at the first update; look at steps from {max(1, scene.study.first + 1)}" if steps[0] < 1 else None


def preconditioned(view: View, count: int, steps: int) -> tuple[Any, Any]:
    """The largest eigenvalues of P^-1/2 H P^-1/2 with the preconditioner P, and the unit vectors along P^-1/2 times its eigenvectors, which are
    eigenvectors of P^-1 H: the directions in which preconditioned descent is steep. Source: Cohen et al. 2022, arXiv:2207.14484."""
    root, lead = 1 / np.sqrt(preconditioner(view)), view.x.shape[:2]

    def product(v: Any) -> Any:
        v = v if v.ndim > 2 else np.broadcast_to(v, (*lead, *v.shape))
        scale = root.reshape(*lead, *(1,) * (v.ndim - root.ndim), root.shape[-1])
        return scale * view.hvp(scale * v)

    values, vectors = top(view, count, steps, Operator(view.x.shape[-1], product))
    return values, oriented(unit(root[:, :, None] * vectors))


def normalized(view: View, d: Any, how: Normalize) -> Any:
    """Directions (rows, seeds, directions, dim) with the lengths of the parameters: of every block (`layer`), or of every filter of a matrix, its columns,
    which are the weights into one unit (`filter`). Parameters that are not matrices, such as biases, stay where they are with `filter`: 0, as with its authors.
    With `none` every direction has length 1. Source: Li et al. 2018, arXiv:1712.09913, section 4."""
    if how == "none":
        return unit(d)
    made = np.zeros_like(d)
    for name, where in view.landscape.block_slices.items():
        shape = view.blocks[name]
        x, part = view.x[:, :, None, where], d[..., where]
        if how == "layer":
            made[..., where] = unit(part) * length(x)
        elif len(shape) > 1:
            x, part = (a.reshape(*a.shape[:3], -1, shape[-1]) for a in (x, part))
            sizes = [np.sqrt((a * a).sum(axis=-2, keepdims=True)) for a in (x, part)]
            scaled = part * (sizes[0] / np.where(sizes[1] > 0, sizes[1], np.nan))
            made[..., where] = scaled.reshape(*scaled.shape[:3], -1)
    return made
