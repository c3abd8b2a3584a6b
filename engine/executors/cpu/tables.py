"""Numbers of runs in the order of lanes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensors.aligned import align


def table(lanes: Any, columns: Sequence[Any], uniform: bool) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (points or 1, seeds or 1) -> (tables, rows, 1 or W), and the table of every block of the simulation `lanes`; `uniform` says that all runs of
    a block have the same."""
    columns = [np.asarray(c, dtype=lanes.dtype) for c in columns]
    columns = [c.reshape(len(c) if c.ndim else 1, -1) for c in columns]
    same = all(c.size == 1 for c in columns)
    at = np.zeros(lanes.blocks, np.int64)
    if uniform or same:
        flat = [c[:, 0] for c in columns]
        made = np.stack(np.broadcast_arrays(*flat), axis=1)[:, :, None] if flat else np.zeros((1, 0, 1), lanes.dtype)
        at = at if same else lanes.block_point
        made = made if uniform else np.broadcast_to(made, (*made.shape[:2], lanes.W))
        return np.ascontiguousarray(made), at
    every = np.stack(
        [
            c[lanes.lane_point if len(c) > 1 else 0, lanes.lane_seed if c.shape[1] > 1 else 0] + np.zeros_like(lanes.lane_run, lanes.dtype)
            for c in columns
        ]
    )
    made = every.reshape(len(columns), lanes.blocks, lanes.W).transpose(1, 0, 2)
    return align(made), np.arange(lanes.blocks)
