"""Where two groups of a store part: the first step at which two optimizers, or two conventions of one, are not the same."""

from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from . import groups

RTOL = 1e-6


def differ(tree: Any, first: str, second: str, rtol: float = RTOL) -> Any:
    """The first recorded step at which two groups differ, as an xarray.Dataset along `variable`.

    Groups are compared on the variables, sweep dimensions, seeds and steps that both have; seeds share their noise, so equal rules take
    equal paths. Two values differ where |a - b| > rtol max |a|, the maximum over the variable's whole record. Variables: `step` (-1 if they
    never do), `size` (the largest |a - b| / max |a| at that step) and `final` (that at the last step).

    Raises SpecError for an unknown group, groups that share no variable or dimension sizes, or an rtol that is not positive.
    """
    import xarray

    if not rtol >= 0:
        raise SpecError(f"rtol is {rtol}; it must not be negative")
    known = groups(tree)
    for name in (first, second):
        if name not in known:
            raise SpecError(f"there is no group '{name}'{suggest(name, known)} (known: {', '.join(known)})")
    a, b = known[first], known[second]
    names = [str(n) for n in a.data_vars if n in b.data_vars and "step" in a[n].dims]
    rows: list[tuple[str, int, float, float]] = []
    for name in names:
        x, y = xarray.align(a[name], b[name], join="inner")
        if set(x.dims) == set(y.dims) and 0 not in x.shape:
            y = y.transpose(*x.dims)
            rows.append((name, *_part(x.values, y.values, x.dims.index("step"), np.asarray(x["step"]), rtol)))
    if not rows:
        raise SpecError(f"{first} and {second} have no variable with the same dimensions and values swept")
    steps, sizes, finals = (np.array([row[k] for row in rows]) for k in (1, 2, 3))
    data = {"step": ("variable", steps), "size": ("variable", sizes), "final": ("variable", finals)}
    return xarray.Dataset(data, coords={"variable": [row[0] for row in rows]}, attrs={"first": first, "second": second, "rtol": rtol})


def _part(x: np.ndarray, y: np.ndarray, axis: int, steps: np.ndarray, rtol: float) -> tuple[int, float, float]:
    """(first step that differs or -1, how much there, how much at the end), relative to the largest |x|."""
    x, y = (np.moveaxis(v, axis, 0).reshape(len(steps), -1) for v in (x, y))
    gap, scale = np.abs(x - y), float(np.nanmax(np.abs(x), initial=0.0)) or 1.0
    gap = np.where(np.isnan(x) & np.isnan(y), 0.0, np.where(np.isnan(x) != np.isnan(y), np.inf, gap))
    largest = gap.max(axis=1, initial=0.0) / scale
    differing = np.nonzero(largest > rtol)[0]
    first = int(differing[0]) if len(differing) else None
    return (-1, 0.0, float(largest[-1])) if first is None else (int(steps[first]), float(largest[first]), float(largest[-1]))
