"""A theory line over a map: the zero contour of an expression of the swept fields, on a finer grid than the study's."""

import ast
from typing import Any

import numpy as np

from ...specs.claim import parse_claim
from ...specs.errors import SpecError
from ..claims.evaluate import OPERATORS, Results
from ..comparison import swept_coordinates
from ._axes import is_logarithmic
from ._picture import Picture
from ._values import axis_of

FINE = 400
"""Points a side of the grid on which the expression is evaluated."""


def theory(axes: Any, picture: Picture, name: str, dataset: Any, x: Any, y: Any) -> bool:
    """Draw where the expression is 0, or its two sides are equal. Returns whether that is in the picture; raises SpecError if it is wrong."""
    import xarray

    text = str(picture.options.line)
    fine = finer(dataset, (str(x.dims[0]), str(y.dims[0])))
    results = Results({name: fine}, picture.study)
    with np.errstate(all="ignore"):
        across, along = (xarray.DataArray(axis_of(picture, results, axis.attrs["text"], name)) for axis in (x, y))
        found = xarray.DataArray(difference(results, text, name)).astype(np.float64)
    extra = [str(dim) for dim in found.dims if dim not in fine.dims]
    if extra:
        raise SpecError(f"plot: line '{text}': has the dimensions {', '.join(extra)}; a line is made of swept fields and numbers")
    for dim in (x.dims[0], y.dims[0]):
        if dim not in found.dims:
            found = found.expand_dims({dim: fine.sizes[dim]})
    height = found.transpose(y.dims[0], x.dims[0]).values
    seen = height[np.isfinite(height)]
    if not seen.size or seen.min() > 0 or seen.max() < 0:
        return False
    from matplotlib.patheffects import Normal, Stroke

    drawn = axes.contour(across.values, along.values, height, levels=[0.0], colors=[picture.theme.theory], linewidths=2.2, zorder=4)
    drawn.set_path_effects([Stroke(linewidth=4, foreground=picture.theme.paper, alpha=0.8), Normal()])
    return True


def difference(results: Results, text: str, name: str) -> Any:
    """Left side minus right side of a comparison, else the expression."""
    try:
        tree = parse_claim(text)
    except ValueError as error:
        raise SpecError(f"plot: line: {error}") from None
    try:
        if isinstance(tree, ast.Compare):
            if len(tree.ops) != 1:
                raise SpecError("write one comparison, as in 'lr*sharpness > 2'")
            return OPERATORS[ast.Sub](results.value(tree.left, name), results.value(tree.comparators[0], name))
        return results.value(tree, name)
    except (SpecError, TypeError, ValueError, KeyError, IndexError, ZeroDivisionError, OverflowError) as error:
        fields = ", ".join(swept_coordinates(results.tree[name])) or "nothing"
        raise SpecError(f"plot: line '{text}': {error}; a line is made of the study's fields and numbers (swept: {fields})") from None


def finer(dataset: Any, dims: tuple[str, ...]) -> Any:
    """The coordinates of a group alone, those along `dims` interpolated over the cells' full width, geometrically where they are
    logarithmic; what is zipped stays together."""
    import xarray

    made = {}
    for key in dataset.coords:
        values, own = dataset[key].values, dataset[key].dims
        if len(own) == 1 and own[0] in dims and values.dtype.kind in "if" and len(values) > 1:
            made[key] = (own, stretched(values.astype(np.float64)))
        elif not own:
            made[key] = ((), values)
    return xarray.Dataset({"status": (dims, np.ones((FINE, FINE), np.int8))}, made)  # `status` says which dimensions are swept


def stretched(values: np.ndarray) -> np.ndarray:
    """FINE values through the given ones and half a cell beyond; what is nowhere negative stays so."""
    logarithmic = is_logarithmic(values)
    v = np.log(values) if logarithmic else values
    at = np.linspace(-0.5, len(v) - 0.5, FINE)
    inner = np.interp(at, np.arange(len(v)), v)
    inner = np.where(at < 0, v[0] + at * (v[1] - v[0]), inner)
    inner = np.where(at > len(v) - 1, v[-1] + (at - len(v) + 1) * (v[-1] - v[-2]), inner)
    made = np.exp(inner) if logarithmic else inner
    return np.maximum(made, 0.0) if values.min() >= 0 else made
