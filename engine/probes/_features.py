"""Features of samples: a named definition of a formula over tensors at the points of a view, with its derivatives, and the labels that go with it.

Features are any part of the landscape's formula with a row for every sample: `hidden` of `define: {hidden: ...}`, `net(X)` of one with an argument,
or a variable. On the test part X and y are the samples that are set aside.
"""

from typing import Any

import numpy as np

from ...specs.errors import PlacedError
from ...specs.landscapes import _parts
from ...specs.landscapes._tensor_landscape import ProgramLandscape
from ...specs.landscapes.base import Landscape
from ._view import View, no_test_part

FACTOR = 5 * 10**7
"""Numbers that a matrix of derivatives of all samples may have."""


def why_not(land: Landscape, text: str, part: str = "train", field: str = "features") -> str | None:
    """Why a landscape has no such features on this part of the data, in words that begin with the field; None if it has."""
    if not isinstance(land, ProgramLandscape):
        return f"{field}: needs a landscape that is a formula over tensors, and {land.kind} is not one"
    if part == "test" and (why := no_test_part(land)):
        return f"on: test: {why}"
    try:
        node = _parts.read(land, text).node
    except PlacedError as error:
        return f"{field}: {error.problem}"
    if not node.shape:
        return f"{field}: {text:.60} is one number; features have a row for every sample"
    return None


def shape(land: Landscape, text: str, part: str = "train") -> tuple[int, ...]:
    """(samples, own shape...) of the features, of a landscape that has them."""
    assert isinstance(land, ProgramLandscape)
    found = _parts.read(land, text)
    if part == "train" or not (found.inputs & {*land.samples_of("n")}):
        return found.node.shape
    assert land.dataset is not None
    return (len(land.dataset.x_test), *found.node.shape[1:])


def values(view: View, text: str, x: Any = None) -> np.ndarray:
    """The features (rows, seeds, ..., samples, own shape...) at the view's points, or at x (rows, seeds, ..., dim)."""
    land = view.landscape
    assert isinstance(land, ProgramLandscape)
    return view.each(lambda x, p: _parts.value(land, text, x, p), x)


def matrix(view: View, text: str, x: Any = None) -> np.ndarray:
    """The same as matrices (rows, seeds, samples, features); features that are one number a sample are one column."""
    found = values(view, text, x)
    front = found.ndim - len(shape(view.landscape, text)) + 1
    return found.reshape(*found.shape[:front], -1).astype(np.float64)


def jacobian(view: View, text: str) -> np.ndarray:
    """The derivatives of every sample's features (rows, seeds, samples, outputs, dim) by the parameters, exact."""
    land = view.landscape
    assert isinstance(land, ProgramLandscape)
    found = view.each(lambda x, p: _parts.jacobian(land, text, x, p), None)
    return found.reshape(*found.shape[:3], -1, found.shape[-1])


def has_labels(land: Landscape, text: str) -> bool:
    """Whether a landscape knows labels of this name."""
    return why_not(land, text, field="labels") is None


def are_classes(land: Landscape, text: str) -> bool:
    """Whether labels are whole numbers, the positions of classes."""
    assert isinstance(land, ProgramLandscape)
    return _parts.read(land, text).node.kind == "int" and len(shape(land, text)) == 1


def labels(view: View, text: str) -> np.ndarray:
    """Labels as targets (rows, seeds, samples, columns): a column for every class, 1 for the sample's own and else 0; numbers as they are."""
    found = values(view, text)
    if not are_classes(view.landscape, text):
        return found.reshape(*found.shape[:3], -1).astype(np.float64)
    data = view.landscape.dataset
    count = len(data.classes) if data is not None and text == "y" else int(found.max()) + 1
    return (found[..., None] == np.arange(count)).astype(np.float64)
