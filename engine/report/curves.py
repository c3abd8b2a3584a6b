"""Every stored variable against the step: quantiles over the seeds at every point shown."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ...specs.status import Status
from ..comparison import sweep_dims
from .sweep_points import Shown
from .thinning import LEVELS, band, plain

COMPONENTS = 6
"""Components of a vector or matrix that are offered, from the first on."""
VARIABLES = 16
LOADED = 20_000_000
"""Numbers held in memory at a time."""
STATISTICS = ("quantile", "mean", "var")
LOSSES = ("loss", "average_loss")


@dataclass(frozen=True)
class Variable:
    """A number a run and step has: a stored array, or one component of one."""

    key: str
    array: str
    """The stored array; of a store of statistics the name before `_quantile` or `_mean`."""
    component: tuple[int, ...] = ()
    long_name: str = ""


def variables(dataset: Any) -> list[Variable]:
    """What curves can be drawn of: the loss first, then scalars, then the first components of vectors and matrices."""
    found: list[Variable] = []
    for name, stored in dataset.data_vars.items():
        if "step" not in stored.dims or "particle" in stored.dims or stored.dtype.kind != "f":
            continue
        base = next((name.removesuffix(f"_{s}") for s in STATISTICS if str(name).endswith(f"_{s}") and "seed" not in stored.dims), name)
        if any(v.array == base for v in found):
            continue
        inner = own_dims(dataset, stored)
        text = str(stored.attrs.get("long_name", "")) if base == name else ""
        if not inner:
            found.append(Variable(base, base, (), text))
            continue
        components = islice(np.ndindex(*(stored.sizes[d] for d in inner)), COMPONENTS)
        found += [Variable(component_name(dataset, base, inner, at), base, at, text) for at in components]
    order = {name: k for k, name in enumerate(LOSSES)}
    return sorted(found, key=lambda v: (bool(v.component), order.get(v.key, 9)))[:VARIABLES]


def own_dims(dataset: Any, stored: Any) -> list[str]:
    """An array's dimensions besides those of every run."""
    return [str(d) for d in stored.dims if d not in (*sweep_dims(dataset), "seed", "step", "quantile")]


def component_name(dataset: Any, base: str, inner: list[str], at: tuple[int, ...]) -> str:
    """'params[0]', or where the components have names 'x'.

    Of other vectors than the iterate, 'average_params[x]'.
    """
    names = [dataset[d].values[k] if d in dataset.coords else k for d, k in zip(inner, at, strict=True)]
    text = ", ".join(str(n) for n in names)
    named = len(inner) == 1 and inner[0] in dataset.coords and dataset[inner[0]].dtype.kind not in "iuf"
    return text if named and base == "params" else f"{base}[{text}]"


def curves(group: Shown, variable: Variable, steps: np.ndarray) -> "tuple[list[Any], str] | None":
    """(for every point [medians, 25 %, 75 %], or [medians] where there is no band; what these numbers are). None if it is not stored."""
    dataset = group.dataset.isel(step=steps)
    if variable.array in dataset:
        return quantiles_of_runs(group, dataset, variable), "runs"
    dims = tuple(group.places)

    def stored(statistic: str, *last: str) -> Any:
        array = dataset.get(f"{variable.array}_{statistic}")
        if array is None or len(own_dims(dataset, array)) != len(variable.component):
            return None
        array = array.isel(dict(zip(own_dims(dataset, array), variable.component, strict=True)))
        return array.transpose(*dims, "step", *last).values.astype(np.float64)

    quantile = stored("quantile", "quantile") if "quantile" in dataset.dims else None
    if quantile is not None:
        levels = dataset["quantile"].values
        wanted = [level for level in LEVELS if levels[0] <= level <= levels[-1]]
        if 0.5 in wanted:
            at = np.interp(wanted, levels, np.arange(len(levels)))
            low, high = np.floor(at).astype(int), np.ceil(at).astype(int)
            with np.errstate(invalid="ignore", over="ignore"):
                made = quantile[..., low] + (quantile[..., high] - quantile[..., low]) * (at - low)
            parts = [made[..., wanted.index(level)].reshape(group.count, -1) for level in (0.5, 0.25, 0.75) if level in wanted]
            return listed(*(parts if len(parts) == 3 else parts[:1])), "quantiles"
    mean, var = stored("mean"), stored("var")
    if mean is None:
        return None
    flat = mean.reshape(group.count, -1)
    if var is None:
        return listed(flat), "mean"
    sd = np.sqrt(np.maximum(var, 0)).reshape(group.count, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        return listed(flat, flat - sd, flat + sd), "mean and standard deviation"


def quantiles_of_runs(group: Shown, dataset: Any, variable: Variable) -> list[Any]:
    """The quartiles over the seeds at every point. A loss that is no number in a run that diverged counts as infinite; other NaN are left out."""
    array, inner = dataset[variable.array], own_dims(dataset, dataset[variable.array])
    if len(inner) != len(variable.component) or any(array.sizes[d] <= k for d, k in zip(inner, variable.component, strict=True)):
        return [[[None] * dataset.sizes["step"]]] * group.count
    array = array.isel(dict(zip(inner, variable.component, strict=True)))
    status = dataset["status"]
    dims = tuple(group.places)
    first = dims[0] if dims else None
    rows = group.shape[0] if dims else 1
    slab = max(1, int(LOADED // max(1, array.size // rows)))
    made: list[Any] = []
    for start in range(0, rows, slab):
        part = {first: slice(start, start + slab)} if first else {}
        values = array.isel(part).transpose(*dims, "step", "seed").values.astype(np.float64)
        if variable.key in LOSSES:
            lost = status.isel(part).transpose(*dims, "seed").values[..., None, :] == Status.DIVERGED
            values = np.where(lost & ~np.isfinite(values), np.inf, values)
        low, middle, high = (q.reshape(-1, values.shape[-2]) for q in band(values))
        made += listed(middle, low, high) if values.shape[-1] > 1 else listed(middle)
    return made


def listed(*parts: np.ndarray) -> list[Any]:
    """(points, steps) arrays as one list a point."""
    return [[plain(part[k]) for part in parts] for k in range(len(parts[0]))]
