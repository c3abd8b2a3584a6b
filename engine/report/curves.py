"""Every stored variable against the step: its numbers over the seeds at every point shown."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..results.best import at_seeds
from ..results.curves import LOSSES, own_dims
from ..results.curves import curves as over_steps
from .sweep_points import Shown
from .thinning import plain

COMPONENTS = 6
"""Components of a vector or matrix that are offered, from the first on."""
VARIABLES = 16
STATISTICS = ("quantile", "mean", "var")


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


def component_name(dataset: Any, base: str, inner: list[str], at: tuple[int, ...]) -> str:
    """'params[0]', or where the components have names 'x'.

    Of other vectors than the iterate, 'average_params[x]'.
    """
    names = [dataset[d].values[k] if d in dataset.coords else k for d, k in zip(inner, at, strict=True)]
    text = ", ".join(str(n) for n in names)
    named = len(inner) == 1 and inner[0] in dataset.coords and dataset[inner[0]].dtype.kind not in "iuf"
    return text if named and base == "params" else f"{base}[{text}]"


def curves(group: Shown, variable: Variable, steps: np.ndarray) -> "tuple[list[Any], str] | None":
    """(for every point [middles, lower edges, upper edges], or [middles] where there is no band; what these numbers are). None if it is not
    stored."""
    found = over_steps(at_seeds(group.dataset.isel(step=steps), group.reports), variable.array, variable.component)
    return None if found is None else (listed(*(part.reshape(group.count, -1) for part in found.parts)), found.what)


def listed(*parts: np.ndarray) -> list[Any]:
    """(points, steps) arrays as one list a point."""
    return [[plain(part[k]) for part in parts] for k in range(len(parts[0]))]
