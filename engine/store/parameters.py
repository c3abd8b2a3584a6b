"""Parameters that a store holds: the iterates of runs at a stored step, in float64."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...specs.errors import StoreError
from ..plan import Group, Shard


def parameters(root: Any, group: Group, box: Sequence[slice], step: int) -> np.ndarray:
    """The iterates of some runs at a stored step.

    Parameters
    ----------
    root
        The store's root, as Zarr opens it.
    group
        The group of the runs, as planned.
    box
        The runs: a slice of every sweep dimension and of the seeds; along structural sweeps of one value.
    step
        A step of `params`, or where these are not recorded of the stored states.

    Returns
    -------
    (points, seeds, dim) in float64; NaN where a run had none.

    Raises
    ------
    StoreError
        Neither is stored at this step.
    """
    shard, data = Shard(group, tuple(box)), root[group.name]
    shape, parts = shard.shape, shard.parts()
    params = next((v for v in group.variables if v.name == "params"), None)
    if params is not None and (at := np.flatnonzero(group.steps == step)).size:
        pieces = params.pieces(parts.landscape.blocks, parts.particles)
        found = [np.asarray(data[name][(*shard.box, int(at[0]), *map(slice, sizes))]).reshape(*shape, -1) for name, sizes, _ in pieces]
        whole = np.concatenate(found, axis=-1)
    elif not group.particles and (at := np.flatnonzero(group.state_steps == step)).size:
        whole = np.asarray(data["state"][(*shard.box, int(at[0]), slice(0, parts.landscape.size))])
    else:
        raise StoreError(f"{group.name}: has no parameters of step {step}")
    return whole.reshape(shard.points, shape[-1], -1).astype(np.float64)


def rule_state(root: Any, group: Group, box: Sequence[slice], step: int, name: str) -> np.ndarray:
    """A state of the rule, shaped as the iterates, of some runs at a step whose whole state is stored: (points, seeds, dim) in float64.

    `name` is one of the optimizer's `state`, all of which are shaped as the iterates; the other arguments are those of `parameters`. Raises
    StoreError where the state is not stored at this step.
    """
    shard = Shard(group, tuple(box))
    size, at = shard.parts().landscape.size, np.flatnonzero(group.state_steps == step)
    if group.particles or not at.size:
        raise StoreError(f"{group.name}: has no state of step {step}")
    first = size * (1 + group.optimizer.state.index(name))
    whole = np.asarray(root[group.name]["state"][(*shard.box, int(at[0]), slice(first, first + size))])
    return whole.reshape(shard.points, shard.shape[-1], size).astype(np.float64)
