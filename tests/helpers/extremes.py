"""Studies with gradients of all magnitudes, and when the trajectories of two programs are the same."""

import numpy as np
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.cpu.points import why_not

from .studies import collected, shards

SLOPES = {
    "float32": [
        0.0,
        1e-45,
        1e-42,
        1.2e-38,
        1e-36,
        1e-30,
        3e-23,
        1e-19,
        1e-12,
        1.0,
        1e12,
        1e18,
        1.85e19,
        1e20,
        1e21,
        1e25,
        1e30,
        1e37,
        3.4e38,
    ],
    "float64": [0.0, 5e-324, 1e-320, 3e-308, 1e-300, 1e-200, 1e-162, 1e-154, 1.0, 1e100, 1e153, 1.4e154, 1e156, 1e200, 1e300],
}
"""Gradients are (s, -s / 4): from the smallest subnormal number on to the largest that a study takes."""
CLOSE = {"float32": 1e-4, "float64": 1e-11}
"""Largest difference of two executors' numbers, relative to the largest that this component of the run had so far."""
FEW = 1e-2
"""The same where gradients are so small that a hundredth of them is subnormal: such numbers have few digits, which each executor rounds in
its own order."""
LOST = 1e-7
"""The same in float64 for a decay rate of 0.99999999: `1 - beta**t` loses 8 digits in one executor and none in the other."""


def study(precision, optimizers, value="s*x - s/4*y", slopes=None, **more):
    land = {"kind": "expression", "variables": ["x", "y"], "parameters": {"s": slopes or SLOPES[precision]}, "value": value}
    start = {"kind": "point", "at": [0.0, 1.0]}
    base = {"name": "extremes", "landscape": land, "init": start, "precision": precision, "steps": 4, "record": {"every": 1}}
    return {**base, "stop": {"diverge_above": None}, "optimizers": optimizers, **more}


def both(spec):
    """(shard, (data, outcome) of the array executor, of the fused one) of every shard that both run."""
    for shard in shards(spec):
        if why_not(shard.group) is None:
            yield shard, collected(array_simulation(shard)), collected(simulation(shard, "fused"))


def alike(a, b, close):
    """Whether two trajectories (records, dim) are the same within rounding; a subnormal number may be off by a few units."""
    size = np.fmax.accumulate(np.abs(np.where(np.isfinite(a), a, 0)), axis=0)
    with np.errstate(all="ignore"):
        off = np.abs(a.astype(np.longdouble) - b)
    return (
        (a == b) | (np.isnan(a) & np.isnan(b)) | (off <= close * size.astype(np.longdouble) + 8 * np.finfo(a.dtype).smallest_subnormal)
    ).all()


def closeness(precision, where):
    slope, rates = where.get("landscape/parameters/s", 1.0), [v for name, v in where.items() if 0.9999 < v < 1 and "optimizer" in name]
    few = 0 < slope < 1e4 * float(np.finfo(precision).smallest_normal)
    return max(CLOSE[precision], FEW * few, LOST * bool(rates))
