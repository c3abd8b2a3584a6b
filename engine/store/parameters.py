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
