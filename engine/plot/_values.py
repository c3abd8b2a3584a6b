"""The numbers that pictures show: the loss, or any expression of the claims' language over what is stored."""

from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ..claims.evaluate import Results
from ..comparison import final_loss, sweep_dims, swept_coordinates
from ..results.curves import LOSSES, Band, curves, of_values
from ..results.groups import converged, diverged
from ._picture import Picture

WORDS = ("final_loss", "converged", "diverged")
"""What --value may name beside expressions: numbers of every store."""
MAX_VALUES = 50_000_000
"""Losses looked at for one line; of more, every k-th stored step is drawn."""


def finals(picture: Picture, results: Results, name: str) -> Any:
    """One number a run: an xarray.DataArray (sweep dims..., seed), without `seed` where the expression has taken the mean over it.

    By default the final loss: infinity where the run diverged, NaN where it is not finished. `diverged` and `converged` are 0 or 1. Of an
    expression with steps it is the last.
    """
    import xarray

    value, dataset = picture.options.value or "final_loss", results.tree[name]
    if value in WORDS:
        if value == "diverged":
            found = diverged(dataset)
        else:
            found = final_loss(dataset, name) if value == "final_loss" else converged(dataset, target(picture), name)
        return xarray.DataArray(found, dims=(*sweep_dims(dataset), "seed"))
    found = evaluated(results, value, name)
    found = found.isel(step=-1) if "step" in found.dims else found
    check_dims(value, found, dataset, {"seed"})
    return found


def is_fraction(picture: Picture) -> bool:
    """Whether what is drawn is a fraction of runs."""
    return picture.options.value in WORDS[1:]


def shows_best(picture: Picture) -> bool:
    """Whether what is drawn over a sweep is what the best point is the best by: the final loss."""
    return picture.options.value in (None, "loss", "final_loss")


def target(picture: Picture) -> float:
    """The loss that counts as converged: --target, or the study's stop.loss_below. Raises SpecError if there is neither."""
    given = picture.options.target if picture.options.target is not None else picture.study.stop.loss_below
    if given is None:
        raise SpecError("plot: converged needs a loss to reach: give --target LOSS, or the study's stop.loss_below")
    return given


def lines(picture: Picture, results: Results, name: str, index: Any) -> tuple[np.ndarray, Band]:
    """(steps, a band over the seeds along them) at one point of the sweep, by default of the loss.

    Raises SpecError where the value is not stored or has no steps.
    """
    dataset, value = results.tree[name], picture.options.value or "loss"
    if is_loss(value, dataset):
        point = dataset.isel(index)
        held = point.sizes["step"] * point.sizes["seed"]
        if held > MAX_VALUES:
            point = point.isel(step=np.arange(point.sizes["step"] - 1, -1, -(held // MAX_VALUES + 1))[::-1])
        found = curves(point, value)
        if found is None:
            raise SpecError(f"{name}: neither the loss nor its mean or quantiles are stored; add loss to record.variables and run again")
        return point["step"].values, found
    array = along_steps(picture, results, name, index)
    if "seed" not in array.dims:
        return array["step"].values, Band(array.values, what="expression")
    return array["step"].values, of_values(array.transpose("step", "seed").values)


def single_runs(picture: Picture, results: Results, name: str, index: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(steps, what is drawn of the first seeds (runs, steps)) at one point of the sweep. Raises SpecError where only statistics are stored."""
    dataset, value = results.tree[name], picture.options.value or "loss"
    if is_loss(value, dataset):
        if value not in dataset:
            raise SpecError(f"plot: seeds {count}: {name} has no single runs, only statistics over the seeds; leave out record.stats")
        array = dataset[value].isel(index)
    else:
        array = along_steps(picture, results, name, index)
    array = array if "seed" in array.dims else array.expand_dims("seed")
    return array["step"].values, array.isel(seed=slice(0, count)).transpose("seed", "step").values


def is_loss(value: str, dataset: Any) -> bool:
    """Whether a value is a loss, in which a run that diverged counts as infinite, or its statistics."""
    return value == "loss" or (value in LOSSES and value in dataset)


def along_steps(picture: Picture, results: Results, name: str, index: Any) -> Any:
    """An expression at one point of the sweep, with steps, and seeds where it has them: an xarray.DataArray."""
    value = str(picture.options.value)
    array = evaluated(results, value, name)
    if "step" not in array.dims:
        raise SpecError(f"plot: value '{value}': has no steps to draw; choose sweep or phase")
    check_dims(value, array, results.tree[name], {"seed", "step"})
    return array.isel({dim: k for dim, k in index.items() if dim in array.dims})


def evaluated(results: Results, text: str, name: str) -> Any:
    """An expression's value as an xarray.DataArray of floats. Raises SpecError that says what is wrong with it."""
    import xarray

    for word in WORDS[1:]:
        if text == word:
            raise SpecError(f"plot: value '{text}' has no steps")
    try:
        found = results.evaluate(text, name)
    except SpecError as error:
        known = sorted(results.names(name) | set(WORDS))
        first = text.split("(")[0].strip()
        raise SpecError(f"plot: {error}{suggest(first, known) if first.isidentifier() else ''}") from None
    except ValueError as error:
        raise SpecError(f"plot: {error}") from None
    return xarray.DataArray(found).astype(np.float64)


def check_dims(text: str, found: Any, dataset: Any, allowed: set[str]) -> None:
    """Raises SpecError for a value that has dimensions of its own, such as the parameters'."""
    other = [str(dim) for dim in found.dims if dim not in allowed and dim not in sweep_dims(dataset)]
    if other:
        word = "dimension" + "s" * (len(other) > 1)
        raise SpecError(f"plot: value '{text}': has the {word} {', '.join(other)}; write component(..., k), norm(...) or mean(..., dims)")


def numeric_fields(dataset: Any) -> list[str]:
    """The swept coordinates that are numbers, at more than one value."""
    return [key for key in swept_coordinates(dataset) if dataset[key].dtype.kind in "if" and dataset[key].size > 1]


def axis_of(picture: Picture, results: Results, text: str, name: str) -> Any:
    """An axis: a swept field, or an expression of one, as an xarray.DataArray with one swept dimension; None if constant in this group.

    Raises SpecError for what varies over more than one dimension, or no group knows.
    """
    dataset = results.tree[name]
    if text in dataset.coords:
        found = dataset[text]
        if found.dtype.kind not in "ifb":
            raise SpecError(f"plot: the axis '{text}': its values are not numbers")
        return found.astype(np.float64).assign_attrs(text=text) if found.ndim else None
    try:
        found = evaluated(results, text, name)
    except SpecError as error:
        known = list(dict.fromkeys(key for dataset in picture.groups.values() for key in numeric_fields(dataset)))
        if not text.isidentifier():
            raise
        if any(text in other.coords for other in results.tree.values()):
            return None  # a field of another optimizer
        raise SpecError(
            f"plot: the axis '{text}' is not a swept field{suggest(text, known)} (swept: {', '.join(known) or 'nothing'})"
        ) from error
    if found.ndim > 1 or any(dim not in sweep_dims(dataset) for dim in found.dims):
        raise SpecError(f"plot: the axis '{text}': varies over {', '.join(map(str, found.dims))}; an axis is one swept field")
    return found.assign_attrs(text=text) if found.ndim else None
