"""What probes have stored of a group's runs: which there are, their arrays at one point of the sweep, and spectral densities."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...specs.probe import FOLDER, STEP

GRID = 400
"""Places at which a density is drawn."""
WIDTH = 0.01
"""Standard deviation of the Gaussian that a density is broadened with, as a part of the range of the eigenvalues."""
MATRICES = {"hessian": "Hessian", "ntk": "tangent kernel", "gauss_newton": "Gauss-Newton matrix", "batch_hessian": "Hessian of a batch"}
"""What eigenvalues are of, in words."""
BLOCK = 2**22
"""Numbers held at a time for a density."""


def probes(tree: Any, kind: str = "") -> dict[str, dict[str, Any]]:
    """The probes of a store, of one kind or of all: group -> name -> dataset."""
    made: dict[str, dict[str, Any]] = {}
    for name, child in tree.children.items():
        below = child.children[FOLDER].children if FOLDER in child.children else {}
        found = {str(own): node.to_dataset(inherit=True) for own, node in below.items()}
        if found := {own: dataset for own, dataset in found.items() if kind in ("", kind_of(dataset))}:
            made[str(name)] = found
    return made


def kind_of(dataset: Any) -> str:
    """The kind of probe that stored this."""
    return str(dataset.attrs.get("kind", ""))


def settings(dataset: Any) -> dict[str, Any]:
    """The fields of the probe that stored this."""
    return dict(json.loads(str(dataset.attrs.get("probe", "{}"))))


def matrix(dataset: Any) -> str:
    """What the eigenvalues of a spectrum probe are of, in words."""
    of = str(settings(dataset).get("of", "hessian"))
    return MATRICES.get(of, of.replace("_", " "))


def point_of(dataset: Any, point: Any) -> Any:
    """A probe's arrays where a group's dataset is held: at the values of its single coordinates that are swept here.

    What the probe looks at as a whole (seeds, forks) has no dimension here, and is left as it is.
    """
    at = {
        dim: int(np.flatnonzero(dataset[dim].values == point[dim].values)[0])
        for dim in map(str, dataset.dims)
        if dim in dataset.coords and dim in point.coords and point[dim].ndim == 0
    }
    return dataset.isel(at)


def eigenvalues(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """(values, weights) of a spectrum probe, (..., probe_step, number) each: all eigenvalues, of equal weights, or Lanczos' nodes.

    The weights of one run and step sum to 1; what is no number weighs nothing.
    """
    exact = "eigenvalues" in dataset
    own = ["eigenvalue"] if exact else ["vector", "node"]
    found = dataset["eigenvalues" if exact else "nodes"].transpose(..., STEP, *own)
    values = found.values.reshape(*found.shape[: -len(own)], -1)
    weights = np.ones(values.shape) if exact else dataset["weights"].transpose(..., STEP, *own).values.reshape(values.shape)
    weights = np.where(np.isfinite(values), weights, 0.0)
    total = weights.sum(-1, keepdims=True)
    return values, weights / np.where(total > 0, total, 1.0)


def standing_apart(dataset: Any) -> np.ndarray:
    """The eigenvalues of a spectrum probe that are outliers, (..., probe_step, number); NaN elsewhere. Of Lanczos they are nodes of its first
    vector, of which the probe has counted them."""
    found = dataset["eigenvalues"] if "eigenvalues" in dataset else dataset["nodes"].isel(vector=0)
    values = np.sort(found.transpose(..., STEP, found.dims[-1] if "eigenvalues" in dataset else "node").values, axis=-1)
    count = dataset["outliers"].transpose(..., STEP).values[..., None]
    from_top = np.isfinite(values).sum(-1, keepdims=True) - 1 - np.arange(values.shape[-1])
    return np.where((from_top < count) & (from_top >= 0), values, np.nan)


def width_of(values: np.ndarray) -> float:
    """Standard deviation of the Gaussian for these eigenvalues: WIDTH of their range; of a single one of its size, and at least 1e-12."""
    known = values[np.isfinite(values)]
    if not known.size:
        return WIDTH
    span = float(np.ptp(known))
    return max(WIDTH * (span if span > 1e-9 * np.abs(known).max() else float(np.abs(known).max())), 1e-12)


def density(values: np.ndarray, weights: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """phi(t) = mean over runs of sum_k w_k exp(-(t - lambda_k)^2 / (2 s^2)) / (s sqrt(2 pi)) at t, (places,).

    Parameters
    ----------
    values, weights
        lambda and w, (runs, number); runs whose weights are all 0 are left out.
    at
        t, (places,).
    width
        s, in units of the eigenvalues.

    Returns
    -------
    The density, (places,); NaN if there is no run. Source: Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159, equation 5.
    """
    runs = int((weights.sum(-1) > 0).sum())
    if not runs:
        return np.full(len(at), np.nan)
    kept = weights > 0
    values, weights = values[kept], weights[kept]
    made = np.zeros(len(at))
    for first in range(0, len(values), step := max(1, BLOCK // len(at))):
        part = slice(first, first + step)
        made += weights[part] @ np.exp(-0.5 * ((at - values[part, None]) / width) ** 2)
    return made / (runs * width * np.sqrt(2 * np.pi))


def places(values: np.ndarray, width: float, count: int = GRID) -> np.ndarray:
    """Where a density of these eigenvalues is drawn: evenly, four widths beyond them on both sides."""
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    return np.linspace(low - 4 * width, high + 4 * width, count)


def scalars(dataset: Any, most: int) -> Mapping[str, tuple[Any, str]]:
    """What a probe stores of single numbers a run and step, and the first `most` of what has one dimension more: name -> (array, text)."""
    made: dict[str, tuple[Any, str]] = {}
    runs = {str(dim) for dim in dataset["done"].dims} | {"seed", STEP}
    for name, array in sorted(dataset.data_vars.items()):
        inner = [str(dim) for dim in array.dims if dim not in runs]
        if name == "done" or array.dtype.kind != "f" or len(inner) > 1:
            continue
        text = str(array.attrs.get("long_name", ""))
        if not inner:
            made[str(name)] = array, text
        elif array.sizes[inner[0]] <= most:
            for k, key in enumerate(dataset[inner[0]].values.tolist() if inner[0] in dataset.coords else range(array.sizes[inner[0]])):
                made[f"{name}[{key}]" if array.sizes[inner[0]] > 1 else str(name)] = array.isel({inner[0]: k}), text
    return made
