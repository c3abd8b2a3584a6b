"""What a probe sees: stored points of some runs in float64, and the landscape there and elsewhere.

The points have the axes (rows, seeds, dim). A row is a point of the sweep at a step: all steps of the first point come first. Everything is
evaluated at x, or at other points (rows, seeds, ..., dim) with axes of one's own before the last, several at a time; runs are computed each by
itself, so bits do not depend on how many there are.
"""

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.landscapes._tensor_landscape import ProgramLandscape
from ...specs.landscapes.base import Landscape
from ...specs.probe import Scene
from ..executors import philox
from ..executors.choose import array_simulation
from ..plan import Group, Plan, Shard
from ..store.parameters import parameters

BLOCK = 2**22
"""Numbers in points that are evaluated at once; more are done one part after the other."""


@dataclass(frozen=True)
class View:
    """Some runs of a group at some stored steps."""

    root: Any
    """The store's root, for `at` and `parameters`."""
    plan: Plan
    group: Group
    box: tuple[slice, ...]
    """Which runs: a slice of every sweep dimension and of the seeds."""
    landscape: Landscape
    p: dict[str, Any]
    """The landscape's numbers by name, as its `value` takes them: (rows or 1, seeds or 1, ...)."""
    x: np.ndarray
    """The iterates (rows, seeds, dim); 0 where `valid` is not."""
    valid: np.ndarray
    """Which of them are finite numbers (rows, seeds): the others are of runs that had diverged. What is stored there is NaN."""
    t: np.ndarray
    """The step of every row (rows,)."""
    seeds: np.ndarray
    """The indices of the seeds (seeds,)."""
    shape: tuple[int, ...]
    """How many there are along (sweeps..., seed, probe_step)."""
    batch: Any = None
    """Samples (seeds, size) that losses are of; None for all."""

    xp = np

    @property
    def scene(self) -> Scene:
        return Scene(self.group.study, self.group.optimizer)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        """The parameter blocks and their shapes, in the order in which they lie in a point."""
        return self.landscape.blocks

    # the landscape

    def value(self, x: Any = None) -> Any:
        """The loss at x (rows, seeds, ..., dim), by default the iterates: (rows, seeds, ...)."""
        land, batch = self.landscape, self.batch
        if batch is None:
            return self.each(lambda x, p: land.value(x, p, np), x)
        return self.each(lambda x, p: land.batch_value(x, p, np, batch), x)

    def gradient(self, x: Any = None) -> Any:
        """The gradient there (rows, seeds, ..., dim)."""
        return self.each(lambda x, p: self.landscape.value_and_grad(x, p, np, self.batch)[1], x)

    def hvp(self, v: Any, x: Any = None) -> Any:
        """The Hessian times v (rows, seeds, ..., dim), at the iterates or at x, which has the axes of v, or none of its own: shaped as v."""
        land, batch = self.landscape, self.batch
        x = self.x if x is None else x
        x = np.broadcast_to(x.reshape(*x.shape[:2], *(1,) * (v.ndim - x.ndim), x.shape[-1]), v.shape)
        if batch is None:
            return self.each(lambda x, p, v: land.hvp(x, v, p, np), x, v)
        return self.each(lambda x, p, v: land.gradient_along(x, v, p, np, batch)[1], x, v)

    def jacobian(self, x: Any = None) -> Any:
        """The derivatives of the residuals (rows, seeds, ..., residuals, dim), of landscapes that have them (`has_jacobian`)."""
        return self.each(lambda x, p: self.landscape.jacobian(x, p, np), x)

    def residuals(self, x: Any = None) -> Any:
        """The residuals (rows, seeds, ..., residuals) that the Jacobian is of."""
        return self.each(lambda x, p: self.landscape.residuals(x, p, np), x)

    def observe(self, x: Any = None) -> dict[str, Any]:
        """Every observable (rows, seeds, ...), by name."""
        names = self.landscape.observable_names
        if not names:
            return {}

        def stacked(x: Any, p: Any) -> Any:
            found = self.landscape.observe(x, p, np)
            return np.stack([np.broadcast_to(found[name], x.shape[:-1]) for name in names], axis=-1)

        made = self.each(stacked, x)
        return {name: made[..., k] for k, name in enumerate(names)}

    def sample_gradient(self, k: int, x: Any = None) -> Any:
        """The gradient of the loss of sample k alone (rows, seeds, ..., dim), of landscapes with `batch_count`."""
        one = np.full((len(self.seeds), 1), k, dtype=np.int64)
        return dataclasses.replace(self, batch=one).gradient(x)

    def each(self, function: Callable[..., Any], x: Any, *vectors: Any) -> Any:
        """The function of x, of the landscape's numbers and of vectors, with the axes of one's own among the rows, part by part."""
        x = self.x if x is None else np.asarray(x, dtype=np.float64)
        rows, seeds, *own, dim = x.shape
        many = math.prod(own)
        arrays = [a.reshape(rows, seeds, many, dim) for a in (x, *vectors)]
        step = max(1, BLOCK // max(1, rows * seeds * dim))
        made = []
        with np.errstate(all="ignore"):
            for first in range(0, many, step):
                some = min(step, many - first)
                flat = [
                    np.ascontiguousarray(np.moveaxis(a[:, :, first : first + some], 2, 1)).reshape(rows * some, seeds, dim) for a in arrays
                ]
                p = self.p if some == 1 else {n: a if a.shape[0] == 1 else np.repeat(a, some, axis=0) for n, a in self.p.items()}
                found = np.asarray(function(flat[0], p, *flat[1:]))
                made.append(np.moveaxis(found.reshape(rows, some, *found.shape[1:]), 1, 2))
        whole = made[0] if len(made) == 1 else np.concatenate(made, axis=2)
        return np.ascontiguousarray(whole.reshape(rows, seeds, *own, *whole.shape[3:]))

    # other losses

    def on(self, part: str, size: int = 0) -> "View":
        """The same points where losses and derivatives are those of a part of the data: `train`, all that the runs see; `test`, the samples that
        are set aside; `batch`, `size` samples drawn once a seed, with replacement (Philox, stream PROBE)."""
        if part == "train":
            return self
        if part == "test":
            return dataclasses.replace(self, landscape=of_test_data(self.landscape))
        drawn = philox.integers(self.group.study.root_seed, philox.PROBE, self.seeds, [2**33], size, self.landscape.batch_count())
        return dataclasses.replace(self, batch=drawn[0])

    # other points

    def at(self, x: Any) -> "View":
        """The same runs at other points, shaped as these."""
        return dataclasses.replace(self, x=x)

    def taken(self, rows: Any = None, seeds: Any = None) -> "View":
        """The view of some of its rows and seeds, by their positions here, which may repeat: both runs of pairs are two such views."""
        rows = np.arange(len(self.t)) if rows is None else np.asarray(rows)
        seeds = np.arange(len(self.seeds)) if seeds is None else np.asarray(seeds)
        p = {}
        for name, a in self.p.items():
            a = a if a.ndim < 2 or a.shape[0] == 1 else a[rows]
            p[name] = a if a.ndim < 2 or a.shape[1] == 1 else a[:, seeds]
        made = {"x": self.x[rows][:, seeds], "valid": self.valid[rows][:, seeds], "t": self.t[rows], "seeds": self.seeds[seeds]}
        return dataclasses.replace(
            self, p=p, shape=(len(rows), len(seeds), 1), batch=None if self.batch is None else self.batch[seeds], **made
        )

    def grid(self, a: Any) -> Any:
        """An array (rows, seeds, ...) with an axis for every dimension of the runs: (sweeps..., seed, probe_step, ...)."""
        *sweeps, seeds, steps = self.shape
        return np.moveaxis(a.reshape(*sweeps, steps, seeds, *a.shape[2:]), len(sweeps), len(sweeps) + 1)

    def rows(self, a: Any) -> Any:
        """The other way round: from (sweeps..., seed, probe_step, ...) to (rows, seeds, ...)."""
        *sweeps, seeds, steps = self.shape
        moved = np.moveaxis(a, len(sweeps) + 1, len(sweeps))
        return moved.reshape(math.prod(sweeps) * steps, seeds, *a.shape[len(sweeps) + 2 :])

    @property
    def row_of(self) -> np.ndarray:
        """The row of every point of the sweep and step: (sweeps..., probe_step) whole numbers."""
        *sweeps, _, steps = self.shape
        return np.arange(math.prod(sweeps) * steps).reshape(*sweeps, steps)

    def look(self, group: str = "", box: Sequence[slice] | None = None, steps: Sequence[int] | None = None) -> "View":
        """Other stored points of the store: of another group, other runs, other steps; by default those of this view."""
        other = self.group if not group else next(g for g in self.plan.groups if g.name == group)
        own = list(dict.fromkeys(self.t.tolist())) if steps is None else steps
        return view_of(self.root, self.plan, other, self.box if box is None else tuple(box), own)


def view_of(root: Any, plan: Plan, group: Group, box: Sequence[slice], steps: Sequence[int]) -> View:
    """The view of these runs at these stored steps.

    Parameters
    ----------
    root, plan
        The store's root as Zarr opens it, and what it was planned as.
    group
        The group of the runs.
    box
        The runs: a slice of every sweep dimension and of the seeds; along structural sweeps of one value.
    steps
        Stored steps.

    Returns
    -------
    The view.

    Raises
    ------
    StoreError
        No parameters are stored of a step.
    """
    shard = Shard(group, tuple(box))
    simulation = array_simulation(shard)
    found = [parameters(root, group, box, int(t)) for t in steps]
    x = np.stack(found, axis=1).reshape(-1, *found[0].shape[1:])
    valid = np.asarray(np.isfinite(x).all(axis=-1))
    each = [
        {name: np.asarray(a).astype(np.float64 if a.dtype.kind == "f" else a.dtype) for name, a in simulation.numbers_at(int(t)).items()}
        for t in steps
    ]
    p = {name: _of_rows([numbers[name] for numbers in each], shard.points) for name in each[0]}
    t = np.tile(np.asarray(steps, dtype=np.int64), shard.points)
    shape = (*shard.shape, len(steps))
    land = shard.parts().landscape
    return View(root, plan, group, tuple(box), land, p, np.where(valid[..., None], x, 0.0), valid, t, shard.seeds, shape)


def _of_rows(each: list[Any], points: int) -> Any:
    """A number of the landscape for all rows from what it is at every step, (points or 1, seeds or 1, ...)."""
    if len(each[0]) == 1 and all(np.array_equal(each[0], other) for other in each[1:]):
        return each[0]
    wide = [np.broadcast_to(a, (points, *a.shape[1:])) for a in each]
    return np.stack(wide, axis=1).reshape(points * len(each), *each[0].shape[1:])


def no_test_part(land: Landscape) -> str | None:
    """Why a landscape has no loss on a test part of its data; None if it has."""
    data = land.dataset
    if data is None or not isinstance(land, ProgramLandscape):
        return f"needs a landscape made of data, and {land.kind} is not"
    if not len(data.x_test):
        return "the data have no test part; give them a test_fraction"
    if any("n" in drawn.shape for drawn in land.definition().drawn.values()) or any("n" in s for s in land.definition().variables.values()):
        return f"{land.kind} has numbers for every training sample, so it has no loss on others"
    return None


def of_test_data(land: Landscape) -> Landscape:
    """The landscape whose samples are the test part of its data."""
    data = land.dataset
    swapped = type(data)(data.x_test, data.y_test, data.x, data.y, data.classes, f"test part of {data.fingerprint}")
    made = copy.copy(land)
    held = vars(made)
    for name in [name for name in held if name not in type(land).model_fields]:  # what was made of the other samples
        del held[name]
    made._dataset = swapped  # type: ignore[attr-defined]
    return made
