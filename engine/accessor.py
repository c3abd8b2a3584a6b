"""`.thalweg` on what a study stored: `tree["sgd"].thalweg.best()`, for one group (Dataset or DataTree node) or a whole store (DataTree).

On a group a method returns an array or a dataset, on a store a DataTree of these, a group an optimizer. `thalweg.run` and
`thalweg.open_run` register it; for stores opened by xarray alone, `import thalweg.engine.accessor` does.

>>> import thalweg
>>> tree = thalweg.run({"name": "hill", "landscape": "himmelblau", "init": {"kind": "point", "at": [0.0, 0.0]},
...                     "noise": {"kind": "gaussian", "scale": 1.0}, "seeds": 4, "steps": 40, "record": {"every": 10},
...                     "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01]}]})
>>> sgd = tree["sgd"].thalweg
>>> sgd.final().round(2).values.tolist()
[[85.33, 84.65, 85.09, 85.35], [0.0, 0.01, 0.01, 0.02]]
>>> best = sgd.best()
>>> float(best.lr), dict(best.sizes)
(0.01, {'seed': 4, 'step': 5, 'dim': 2})
>>> sgd.reach(1.0).values.tolist()
[[inf, inf, inf, inf], [10.0, 10.0, 10.0, 10.0]]
>>> sgd.ert(1.0).ert.values.tolist()
[inf, 10.0]
>>> sgd.bands("loss").sel(lr=0.01, quantile=0.5).round(2).values.tolist()
[170.0, 0.52, 0.01, 0.0, 0.01]
>>> ground = sgd.on_landscape(points=5)
>>> ground.loss.dims, ground.x.values.round(2).tolist()
(('y', 'x'), [-0.6, 0.45, 1.51, 2.56, 3.62])
>>> list(tree.thalweg.final().children)
['sgd']
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray

from ..specs.errors import SpecError
from ..specs.status import Status
from ..specs.study import Study
from .comparison.running_time import first_steps, running_time, spent, wilson
from .results.best import each_problem, highest_is_best, positions, to_minimise
from .results.curves import over_seeds
from .results.groups import final_loss, needs_loss, opened, sweep_dims, swept_coordinates
from .results.landscape_grid import changing, grid, heights
from .results.swept import swept_field
from .results.trajectories import extent, names_of
from .store.open import read_study

__all__ = ["GroupAccessor", "TreeAccessor"]


@xarray.register_dataset_accessor("thalweg")
class GroupAccessor:
    """The methods on one group. Raises SpecError where a variable that a method needs was not stored."""

    def __init__(self, dataset: Any, study: Any = None):
        if "status" not in dataset.data_vars or "seed" not in dataset["status"].dims:
            raise SpecError(
                "thalweg: this dataset is not a group of a thalweg store (it has no `status` along `seed`); select one: tree[name]"
            )
        self.dataset, self.study = dataset, study

    def final(self) -> Any:
        """The last stored loss of every run, (sweep dims..., seed): infinity where it diverged, NaN where it is not finished."""
        return self._runs(final_loss(self.dataset), "final_loss", "noiseless objective at the last step")

    def best(self, by: str = "loss", highest: bool | None = None) -> Any:
        """The group at the best hyperparameters, with seed and step: those with the lowest median of a variable at the last step, or with
        `highest` the highest one; by default that is taken of a variable whose name ends in `accuracy`, and the lowest of all others.

        As in every picture, page and table (see `thalweg.compare`), the even seeds choose and runs that diverged count as worse than all
        others. All seeds are in the answer; its coordinate `reports` says which of them the numbers of pictures, pages and tables are of,
        those that tuning does not flatter: `best.isel(seed=best.reports.values)`. A single seed chooses alone.
        Where the landscape, the start or the noise is swept, the hyperparameters are chosen for each of its points, and these
        dimensions stay. Raises SpecError for a variable that was not stored, or has not one number a run and step.
        """
        data = self.dataset
        highest = highest_is_best(by) if highest is None else highest
        found = list(each_problem(data, final=to_minimise(data, by, highest)))
        reports = ("seed", found[0][1].reports, {"long_name": "whether the seed is reported; the others chose the hyperparameters"})
        return data.isel(positions(data, found)).assign_coords(reports=reports)

    def reach(self, target: "float | Sequence[float]") -> Any:
        """The first stored step at which the loss is at or below the target, (sweep dims..., seed); infinity where it never was, NaN where
        the run is not finished. Of several targets with a dimension `target` in front. The loss is read in blocks, never whole."""
        first, wanted = self._first(target)
        first = np.where(self._done, first, np.nan)
        made = xarray.DataArray(
            first, dims=("target", *sweep_dims(self.dataset), "seed"), coords=self._coords() | {"target": wanted}, name="reach"
        )
        return made.assign_attrs(long_name="first stored step at or below the target", units="1").isel(
            {} if np.ndim(target) else {"target": 0}
        )

    def ert(self, target: "float | Sequence[float]") -> Any:
        """Expected running time and success rate over the seeds, at every point of the sweep: `ert`, `success`, `successes`, `seeds`, and
        the 95 % Wilson interval `low`, `high`. ERT is the steps of all runs until they reached the target or ended, over the number that
        reached it."""
        first, wanted = self._first(target)
        made = running_time(first, spent(self.dataset)[None], self._done[None])
        made["low"], made["high"] = wilson(made["successes"], made["seeds"])
        dims = ("target", *sweep_dims(self.dataset))
        coords = {key: value for key, value in self._coords().items() if key != "seed"} | {"target": wanted}
        data = xarray.Dataset({key: (dims, value) for key, value in made.items()}, coords=coords)
        return data.isel({} if np.ndim(target) else {"target": 0})

    def bands(self, variable: str = "loss", q: Sequence[float] = (0.25, 0.5, 0.75)) -> Any:
        """Quantiles of a variable over the seeds along the steps, (quantile, sweep dims..., step, own dims...). NaN is left out, except in the
        losses of a run that diverged, which are infinite from there on. Read in blocks, never whole."""
        data = self.dataset
        if variable not in data.data_vars or "seed" not in data[variable].dims or "step" not in data[variable].dims:
            known = [str(k) for k, made in data.data_vars.items() if {"seed", "step"} <= {*made.dims}]
            raise SpecError(f"bands: there is no variable '{variable}' along seed and step (known: {', '.join(known)})")
        levels = np.asarray(q, dtype=float)
        if not ((levels >= 0) & (levels <= 1)).all():
            raise SpecError(f"bands: quantiles lie between 0 and 1; given: {', '.join(map(str, q))}")
        array = data[variable]
        made = over_seeds(data, array, variable, levels)
        dims = ("quantile", *(dim for dim in array.dims if dim != "seed"))
        coords = {key: value for key, value in array.coords.items() if "seed" not in value.dims}
        return xarray.DataArray(made, dims=dims, coords={**coords, "quantile": levels}, name=variable, attrs=data[variable].attrs)

    def on_landscape(self, points: int = 200, margin: float = 0.2, study: Any = None) -> Any:
        """The noiseless loss on a grid around the trajectories, for landscapes with two components: `loss` (second, first component), with
        the components' names and values as coordinates, ready for `.plot.contourf()`.

        The grid has `points` values a side and spans the finite iterates of runs that did not diverge, with this margin of the span on each
        side. A landscape whose numbers are swept needs one value of each: select it first. `study` is needed where the group
        was taken out of its tree: a study, its path, or the tree.

        Raises SpecError for another number of components, unless params were recorded, or where the study is unknown.
        """
        land, values = self._landscape(study)
        if land.size != 2:
            raise SpecError(f"on_landscape: the landscape {land.kind} has {land.size} components, and a grid needs 2")
        if why := changing(land):
            raise SpecError(f"on_landscape: {why}, so there is no single grid of it")
        if any(name not in self.dataset.data_vars for name in names_of(land.blocks)):
            raise SpecError("on_landscape: the group has no params; add params to record.variables and run again")
        low, high = extent(self.dataset, land.blocks)
        span = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0))
        x, y = grid(low - margin * span, high + margin * span, points)
        first, second = land.labels or ("x0", "x1")
        loss = ((second, first), heights(land, values, x, y), {"long_name": "noiseless objective"})
        return xarray.Dataset({"loss": loss}, coords={first: x, second: y}, attrs={"landscape": land.kind})

    def _landscape(self, given: Any) -> tuple[Any, dict[str, float]]:
        """The landscape at the swept values that this group has, and its numbers by name."""
        source = self.study if given is None else given
        if source is None:
            raise SpecError("on_landscape: a dataset does not hold its study; call it on the tree's node, or give study=")
        study, changes = study_of(source), {}
        for key in set(map(str, self.dataset.coords)):
            owner, path = swept_field(self.dataset[key])
            if owner == "landscape":
                found = np.unique(self.dataset[key].values)
                if len(found) != 1:
                    raise SpecError(f"on_landscape: {key} has {len(found)} values; select one, e.g. .isel({self.dataset[key].dims[0]}=0)")
                changes[tuple(path.split("."))] = found[0].item()
        land = study.landscape.replace(changes) if changes else study.landscape
        return land, land.numbers()

    def _first(self, target: Any) -> tuple[np.ndarray, np.ndarray]:
        wanted = np.atleast_1d(np.asarray(target, dtype=float))
        if wanted.ndim > 1 or not np.isfinite(wanted).all():
            raise SpecError(f"a target must be a finite loss, or a list of them; given: {target}")
        needs_loss(self.dataset)
        return first_steps(self.dataset, wanted), wanted

    @property
    def _done(self) -> np.ndarray:
        return self.dataset["status"].transpose(*sweep_dims(self.dataset), "seed").values != Status.UNFINISHED

    def _coords(self) -> dict[str, Any]:
        """The coordinates of the sweep and of the seeds."""
        return {key: self.dataset[key] for key in [*swept_coordinates(self.dataset), "seed"] if key in self.dataset.coords}

    def _runs(self, values: np.ndarray, name: str, long_name: str) -> Any:
        dims = (*sweep_dims(self.dataset), "seed")
        return xarray.DataArray(values, dims=dims, coords=self._coords(), name=name, attrs={"long_name": long_name, "units": "1"})


@xarray.register_datatree_accessor("thalweg")
class TreeAccessor:
    """The same methods on a tree: on a group's node as on the group, on a store as a DataTree with one node an optimizer."""

    def __init__(self, tree: Any):
        self.tree = tree

    def final(self) -> Any:
        """See GroupAccessor.final."""
        return self._each("final")

    def best(self, by: str = "loss", highest: bool | None = None) -> Any:
        """See GroupAccessor.best."""
        return self._each("best", by, highest)

    def reach(self, target: "float | Sequence[float]") -> Any:
        """See GroupAccessor.reach."""
        return self._each("reach", target)

    def ert(self, target: "float | Sequence[float]") -> Any:
        """See GroupAccessor.ert."""
        return self._each("ert", target)

    def bands(self, variable: str = "loss", q: Sequence[float] = (0.25, 0.5, 0.75)) -> Any:
        """See GroupAccessor.bands."""
        return self._each("bands", variable, q)

    def on_landscape(self, points: int = 200, margin: float = 0.2, study: Any = None) -> Any:
        """See GroupAccessor.on_landscape."""
        return self._each("on_landscape", points, margin, study)

    def _each(self, method: str, *given: Any) -> Any:
        from .results.groups import groups

        study = self.tree.root if "study" in self.tree.root.attrs else None  # read by what needs it: a plug-in may be gone
        if "status" in self.tree.data_vars:
            return getattr(GroupAccessor(self.tree.to_dataset(), study), method)(*given)
        made = {name: getattr(GroupAccessor(data, study), method)(*given) for name, data in groups(self.tree).items()}
        return xarray.DataTree.from_dict(
            {name: one.to_dataset(name=one.name) if isinstance(one, xarray.DataArray) else one for name, one in made.items()}
        )


def study_of(source: Any) -> Study:
    """The study of an opened store; a study, its path, its name or plain data loaded."""
    if isinstance(source, xarray.DataTree):
        return read_study(opened(source).root.attrs, "thalweg")
    from ..specs.load import load_study

    return load_study(source)
