"""Hidden units of one network in the order of another's: permutation matching.

By weights: the permutations P_k of all layers that maximise the inner product of both points are sought layer by layer, each of them, given the
others, a linear assignment (Ainsworth, Hayase & Srinivasa 2023, arXiv:2209.04836, algorithm 1). It begins three times: from the order as it is, and
with a pass over the layers from the first on and from the last on in which only variables count whose other layers are matched; the best is taken. A
network whose units were only permuted is found by either pass. By activations: each layer by the inner products of its units' activations on the
data (section 3.1 there; Li et al. 2015, arXiv:1511.07543).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ...specs.landscapes._tensor_landscape import ProgramLandscape
from ...specs.landscapes.base import Landscape
from ._features import values
from ._hidden import Hidden, layers, of_program
from ._view import View

CHANGE = 1e-7
"""How far the loss may be off where hidden units are in another order, relative to its size and 1: sums are taken in another order."""


@dataclass(frozen=True)
class Matching:
    """The hidden units that take each place, (rows, seeds, units) a layer."""

    landscape: Landscape
    layers: list[Hidden]
    orders: list[Any]

    def permuted(self, x: Any) -> Any:
        """Points (rows, seeds, dim) with their units in this order."""
        made = x.copy()
        for name, where in self.landscape.block_slices.items():
            block = x[..., where].reshape(*x.shape[:-1], *self.landscape.blocks[name])
            for layer, order in zip(self.layers, self.orders, strict=True):
                for variable, axis in layer.axes:
                    if variable == name:
                        wide = order.reshape(*order.shape[:-1], *(layer.size if k == axis else 1 for k in range(block.ndim - 2)))
                        block = np.take_along_axis(block, wide, axis=axis + 2)
            made[..., where] = block.reshape(*x.shape[:-1], -1)
        return made

    def keeps_loss(self, view: View) -> Any:
        """Whether the loss is the same with the units in this order, but for rounding (rows, seeds)."""
        before, after = view.value(), view.value(self.permuted(view.x))
        return ~(view.valid & np.isfinite(before)) | (np.abs(after - before) <= CHANGE * (1 + np.abs(before)))

    @property
    def moved(self) -> Any:
        """The share of units that are elsewhere (rows, seeds)."""
        elsewhere = [(order != np.arange(order.shape[-1])).sum(axis=-1) for order in self.orders]
        return sum(elsewhere) / sum(layer.size for layer in self.layers)


def unfit(land: Landscape, hidden: Sequence[str], activations: Sequence[str] | None) -> str | None:
    """Why the hidden units of a landscape cannot be matched, by these definitions or by weights; None if they can."""
    names = [layer.name for layer in layers(land)]
    if not names:
        return f"align: {land.kind} has no hidden units: no size whose entries could be reordered in two variables without a change of the loss"
    for name in hidden:
        if name not in names:
            return f"hidden: {land.kind} has no hidden units '{name:.60}'{suggest(name, names)} (known: {', '.join(names)})"
    if activations is None:
        return None
    wanted = [layer.name for layer in chosen(land, hidden)]
    if not isinstance(land, ProgramLandscape):
        return f"matching: activations needs a formula over tensors, and {land.kind} is not one"
    try:
        found = [name for name in _layers_of(land, activations) if name]
    except SpecError as error:
        return str(error)
    if sorted(found) != sorted(wanted):
        return (
            f"activations: name one definition for each of {', '.join(wanted)}, whose last axis it is (found: {', '.join(found) or 'none'})"
        )
    return None


def chosen(land: Landscape, hidden: Sequence[str]) -> list[Hidden]:
    """The layers of these names, by default all."""
    return [layer for layer in layers(land) if not hidden or layer.name in hidden]


def _layers_of(land: ProgramLandscape, activations: Sequence[str]) -> list[str]:
    """The names of the layers that are the last axes of these definitions, empty where it is none."""
    found, ends = of_program(land, *activations)
    names = {k: layer.name for k, layer in found}
    return [names.get(-1 if end is None else end, "") for end in ends]


def match(first: View, second: View, hidden: list[Hidden], activations: Sequence[str], turns: int) -> Matching:
    """The order of the second's units that fits the first's, run by run.

    Parameters
    ----------
    first, second
        Both runs of every pair.
    hidden
        The layers.
    activations
        The definitions that they are matched by, one a layer; none to match by weights.
    turns
        Most passes over the layers.

    Returns
    -------
    The matching.
    """
    lead, land = first.x.shape[:2], first.landscape
    orders = [np.empty((*lead, layer.size), dtype=np.int64) for layer in hidden]
    if activations and isinstance(land, ProgramLandscape):
        names = _layers_of(land, activations)
        for order, layer in zip(orders, hidden, strict=True):
            text = activations[names.index(layer.name)]
            a, b = (values(one, text).reshape(*lead, -1, layer.size) for one in (first, second))
            for at in np.ndindex(lead):
                order[at] = assigned(a[at].T @ b[at])
        return Matching(land, hidden, orders)
    for at in np.ndindex(lead):
        found = by_weights(_blocks(land, first.x[at]), _blocks(land, second.x[at]), hidden, turns)
        for order, one in zip(orders, found, strict=True):
            order[at] = one
    return Matching(land, hidden, orders)


def _blocks(land: Landscape, x: Any) -> dict[str, Any]:
    return {name: x[where].reshape(land.blocks[name]) for name, where in land.block_slices.items()}


def assigned(gain: Any) -> Any:
    """The columns that the rows get, so that what they gain is the most: SciPy's linear_sum_assignment."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(np.where(np.isfinite(gain), gain, 0.0), maximize=True)[1]


def by_weights(a: dict[str, Any], b: dict[str, Any], hidden: list[Hidden], turns: int) -> list[Any]:
    """The order of b's units, a layer each, that makes its inner product with a as large as coordinate ascent finds."""
    as_it_is = [np.arange(layer.size) for layer in hidden]
    best, most = as_it_is, -np.inf
    for start in (as_it_is, _passed(a, b, hidden, range(len(hidden))), _passed(a, b, hidden, range(len(hidden))[::-1])):
        found, gained = _ascended(a, b, hidden, start, turns)
        if gained > most:
            best, most = found, gained
    return best


def _passed(a: dict[str, Any], b: dict[str, Any], hidden: list[Hidden], sequence: Sequence[int]) -> list[Any]:
    """One pass over the layers in this sequence, in which only variables count whose other layers have been matched."""
    orders, open_ = [np.arange(layer.size) for layer in hidden], set(sequence)
    for k in sequence:
        others = {name for j in open_ - {k} for name, _ in hidden[j].axes}
        known = [place for place in hidden[k].axes if place[0] not in others]
        orders[k] = assigned(_gain(a, b, hidden, orders, k, known or hidden[k].axes))
        open_.discard(k)
    return orders


def _ascended(a: dict[str, Any], b: dict[str, Any], hidden: list[Hidden], orders: list[Any], turns: int) -> tuple[list[Any], float]:
    """Layer by layer until nothing is gained: (orders, the inner product)."""
    most = _product(a, b, hidden, orders)
    for _ in range(turns):
        before = most
        for k, layer in enumerate(hidden):
            tried = [*orders[:k], assigned(_gain(a, b, hidden, orders, k, layer.axes)), *orders[k + 1 :]]
            gained = _product(a, b, hidden, tried)
            if gained > most:
                orders, most = tried, gained
        if most <= before + 1e-12 * abs(before):
            break
    return orders, most


def _gain(a: dict[str, Any], b: dict[str, Any], hidden: list[Hidden], orders: list[Any], k: int, places: Sequence[tuple[str, int]]) -> Any:
    """What the inner product gains where unit j of b takes place i of layer k (units, units), by these of its axes."""
    total = np.zeros((hidden[k].size, hidden[k].size))
    for name, axis in places:
        moved = _ordered(b[name], name, hidden, orders, but=(k, axis))
        one, other = (np.moveaxis(w, axis, 0).reshape(hidden[k].size, -1) for w in (a[name], moved))
        total += one @ other.T
    return total


def _ordered(block: Any, name: str, hidden: list[Hidden], orders: list[Any], but: tuple[int, int] = (-1, -1)) -> Any:
    """A variable with its units in these orders, but for one layer's along one axis."""
    for k, layer in enumerate(hidden):
        for variable, axis in layer.axes:
            if variable == name and (k, axis) != but:
                block = np.take(block, orders[k], axis=axis)
    return block


def _product(a: dict[str, Any], b: dict[str, Any], hidden: list[Hidden], orders: list[Any]) -> float:
    return float(
        sum((a[name] * _ordered(b[name], name, hidden, orders)).sum() for name in {v: 0 for layer in hidden for v, _ in layer.axes})
    )
