"""The whole state of runs in one array: iterate, optimizer states, average, each flattened, one after the other."""

from typing import Any

import numpy as np

from ..store.checkpoint import flat, nested


def packed(x: Any, state: Any, average: Any, xp: Any) -> Any:
    """(points, seeds, numbers) of an iterate (points, seeds, ...), the rule's state and the average or None."""
    arrays = [x, *flat(state), *([] if average is None else [average])]
    lead = tuple(x.shape[:2])
    return xp.concat([xp.reshape(xp.broadcast_to(a, (*lead, *a.shape[2:])), (*lead, -1)) for a in arrays], axis=-1)


def unpacked(values: Any, x: Any, state: Any, average: Any, xp: Any) -> tuple[Any, Any, Any]:
    """The iterate, the state and the average from what `packed` made of ones that are shaped as these."""
    made, at = [], 0
    for like in [x, *flat(state), *([] if average is None else [average])]:
        size = int(np.prod(like.shape[2:]))
        made.append(xp.reshape(values[..., at : at + size], (*values.shape[:2], *like.shape[2:])))
        at += size
    return made[0], nested(state, made[1 : len(made) - (average is not None)]), None if average is None else made[-1]
