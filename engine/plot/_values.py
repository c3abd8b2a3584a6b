"""The numbers that pictures show: the loss, or any expression of the claims' language over what is stored."""

from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ...specs.status import Status
from ..claims.evaluate import Results
from ..comparison import final_loss, quantile, sweep_dims, swept_coordinates
from ._picture import Picture

WORDS = ("final_loss", "converged", "diverged")
"""What --value may name beside expressions: numbers of every store."""
MAX_VALUES = 50_000_000
"""Losses held in memory at a time; of more, every k-th stored step is drawn."""


def finals(picture: Picture, results: Results, name: str) -> Any:
    """One number a run: an xarray.DataArray (sweep dims..., seed), without `seed` where the expression has taken the mean over it.

    By default the final loss: infinity where the run diverged, NaN where it is not finished. `diverged` and `converged` are 0 or 1. Of an
    expression with steps it is the last.
    """
    import xarray

    value, dataset = picture.options.value or "final_loss", results.tree[name]
    if value in WORDS and not (value == "final_loss" and "final_loss" in dataset and "loss" not in dataset):
        dims = (*sweep_dims(dataset), "seed")
        status = dataset["status"].transpose(*dims).values
        if value == "diverged":
            made = np.where(status == Status.UNFINISHED, np.nan, status == Status.DIVERGED)
        else:
            made = final_loss(dataset, name)
            made = made if value == "final_loss" else np.where(np.isnan(made), np.nan, made <= target(picture))
        return xarray.DataArray(made, dims=dims)
    if value == "final_loss":
        return xarray.DataArray(final_loss(dataset, name), dims=(*sweep_dims(dataset), "seed"))
    found = evaluated(results, value, name)
    found = found.isel(step=-1) if "step" in found.dims else found
    check_dims(value, found, dataset, {"seed"})
    return found


def target(picture: Picture) -> float:
    """The loss that counts as converged: --target, or the study's stop.loss_below. Raises SpecError if there is neither."""
    given = picture.options.target if picture.options.target is not None else picture.study.stop.loss_below
    if given is None:
        raise SpecError("plot: converged needs a loss to reach: give --target LOSS, or the study's stop.loss_below")
    return given


def curves(picture: Picture, results: Results, name: str, index: Any) -> Any:
    """One number a run and step at one point of the sweep: an xarray.DataArray (step, seed). By default the loss."""
    dataset, value = results.tree[name], picture.options.value
    if value is None or (value == "loss" and "loss" not in dataset):
        found = loss_by_seed(dataset, name).isel(index)
        if found.size > MAX_VALUES:
            found = found.isel(step=np.arange(found.sizes["step"] - 1, -1, -(found.size // MAX_VALUES + 1))[::-1])
        found = found.transpose("step", "seed")
        if "loss" in dataset:  # what diverged counts as infinite in quantiles, though NaN is stored
            status = dataset["status"].isel(index).values
            values = found.values.astype(np.float64)
            found = found.copy(data=np.where((status == Status.DIVERGED) & ~np.isfinite(values), np.inf, values))
        return found
    found = evaluated(results, value, name)
    if "step" not in found.dims:
        raise SpecError(f"plot: value '{value}': has no steps to draw; choose sweep or phase")
    check_dims(value, found, dataset, {"seed", "step"})
    found = found.isel({dim: k for dim, k in index.items() if dim in found.dims})
    return (found if "seed" in found.dims else found.expand_dims("seed")).transpose("step", "seed")


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


def loss_by_seed(dataset: Any, name: str) -> Any:
    """The loss with a `seed` dimension; of a store of statistics five values that have the stored quartiles, or the mean."""
    if "loss" in dataset:
        return dataset["loss"]
    if "loss_quantile" in dataset:
        levels = dataset["quantile"].values
        wanted = np.clip([0.0, 0.25, 0.5, 0.75, 1.0], *levels[[0, -1]])
        stored = dataset["loss_quantile"].transpose(..., "quantile")
        at = np.interp(wanted, levels, np.arange(len(levels)))
        low, high = np.floor(at).astype(int), np.ceil(at).astype(int)
        values = stored.values[..., low] + (stored.values[..., high] - stored.values[..., low]) * (at - low)
        return stored.isel(quantile=[0] * 5).drop_vars("quantile").rename(quantile="seed").copy(data=values)
    if "loss_mean" in dataset:
        return dataset["loss_mean"].expand_dims("seed")
    raise SpecError(f"{name}: neither the loss nor its mean or quantiles are stored; add loss to record.variables and run again")


def quartiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, 25 % and 75 % along the last axis; NaN is left out, infinity a number like any other."""
    median, low, high = (quantile(values, q) for q in (0.5, 0.25, 0.75))
    return median, low, high


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
            raise SpecError(f"plot: the axis '{text}': its values are no numbers")
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
            f"plot: the axis '{text}' is no swept field{suggest(text, known)} (swept: {', '.join(known) or 'nothing'})"
        ) from error
    if found.ndim > 1 or any(dim not in sweep_dims(dataset) for dim in found.dims):
        raise SpecError(f"plot: the axis '{text}': varies over {', '.join(map(str, found.dims))}; an axis is one swept field")
    return found.assign_attrs(text=text) if found.ndim else None
