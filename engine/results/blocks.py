"""A large array in blocks of whole chunks, so that it is never whole in memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np

BLOCK_VALUES = 4 * 2**20
"""Numbers held in memory at a time."""


def boxes(array: Any, most: int = BLOCK_VALUES) -> Iterator[tuple[tuple[slice, ...], slice]]:
    """Blocks of an array (runs..., steps), as (slices of the runs, slice of the steps): whole chunks, together `most` values or one
    chunk, the steps of a run in their order."""
    chunks = dict(array.encoding.get("preferred_chunks", {}))
    sizes = [min(n, chunks.get(dim, n)) for dim, n in zip(array.dims, array.shape, strict=True)]
    while np.prod(sizes) > most:  # no chunks, or large ones
        at = int(np.argmax(sizes))
        sizes[at] = -(-sizes[at] // 2)
    for axis in reversed(range(len(sizes))):
        sizes[axis] = min(array.shape[axis], sizes[axis] * max(1, most // max(1, int(np.prod(sizes)))))
    counts = [-(-n // size) if size else 0 for n, size in zip(array.shape, sizes, strict=True)]
    for where in np.ndindex(*counts):
        *box, part = (slice(k * size, min((k + 1) * size, n)) for k, size, n in zip(where, sizes, array.shape, strict=True))
        yield tuple(box), part
