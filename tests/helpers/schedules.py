"""The factors of a schedule."""

import numpy as np
from thalweg.specs.schedule import SCHEDULES

EXTRA = {"step": {"every": 10}, "wsd_s": {"checkpoints": [40, 70]}, "cyclic_cosine": {"checkpoints": [40, 70]}}


def factors(kind, steps=100, t=None, **fields):
    """c(t) for t = 0 .. steps - 1."""
    schedule = SCHEDULES.load(kind).model_validate({"kind": kind, **EXTRA.get(kind, {}), **fields})
    numbers = {
        path[-1]: np.array([[value]]) for path, value, structural in schedule.fields() if not structural and not isinstance(value, str)
    }
    return schedule.factor(np.arange(steps) if t is None else np.asarray(t), steps, numbers)[0]
