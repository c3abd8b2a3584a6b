"""Studies through the CUDA executor in Numba's simulator, each against the processor's executors; prints {case: what is wrong or ""} as JSON.

Run by test_cuda_simulator.py as a process of its own, since NUMBA_ENABLE_CUDASIM is read when Numba is imported.
"""

import itertools
import json
import sys
import traceback
import warnings

import numpy as np
from test_fused import FORMULAS, RIVER, RULES, collected, example, shards
from thalweg.engine.executors import cuda
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.cuda import CudaSimulation, why_not
from thalweg.engine.executors.recorder import DIVERGED, STOPPED

OPTIONS = {
    "student_t": {"noise": {"kind": "student_t", "scale": 0.1, "df": [2.5, 4.0]}},
    "student_t in three dimensions": {"noise": {"kind": "student_t", "scale": 0.1}, "landscape": {"kind": "griewank", "dim": 3}},
    "noise per component": {"noise": {"kind": "gaussian", "scale": [0.1, 0.2], "components": [1.0, 4.0]}},
    "no noise": {"noise": {"kind": "none"}},
    "five dimensions": {"landscape": {"kind": "griewank", "dim": 5}},
    "a swept landscape": {"landscape": {"kind": "river_valley", "sharpness": [10.0, 20.0]}},
    "clip by value": {"clip": {"kind": "value", "at": [0.2, 1.0]}},
    "clip by norm": {"clip": {"kind": "norm", "at": [0.2, 1.0]}},
    "ema": {"average": {"kind": "ema", "decay": [0.9, 0.99]}},
    "tail": {"average": {"kind": "tail", "start": [0.3, 20.0]}},
    "polyak": {"average": {"kind": "polyak"}},
    "polyak, its loss alone": {"average": {"kind": "polyak"}, "record": {"every": 7, "variables": ["average_loss"]}},
    "schedule": {"schedule": {"kind": "wsd", "warmup": 10, "decay": [0.2, 0.5], "floor": 0.1}},
    "stop early": {"stop": {"loss_below": 0.02}},
    "stop early, averaged": {"stop": {"loss_below": 0.02}, "average": {"kind": "ema", "decay": 0.9}},
    "diverge above": {"stop": {"diverge_above": 0.5}},
    "normal start": {"init": {"kind": "normal", "std": 0.3}},
    "log records": {"record": {"log": 9}},
    "records at": {"record": {"at": [0, 1, 37, 64, 65]}},
    "last record": {"record": {"last": True}},
    "one observable": {"record": {"every": 7, "variables": ["hill"]}},
}


def differs(spec, rtol, against=("array",)):
    """What is wrong, or nothing."""
    for shard in shards(spec):
        reason = why_not(shard.group)
        if reason:
            return reason
        found, end = collected(CudaSimulation(shard))
        for executor in against:
            reference = array_simulation(shard) if executor == "array" else simulation(shard, executor)
            expected, ended = collected(reference)
            np.testing.assert_array_equal(end.status, ended.status)
            np.testing.assert_array_equal(end.last_step, ended.last_step)
            assert set(found) == set(expected)
            for name, values in expected.items():
                assert found[name].shape == values.shape, name
                np.testing.assert_array_equal(np.isnan(found[name]), np.isnan(values), err_msg=name)
                size = np.nanmax(np.abs(values), axis=(1, 2), keepdims=True, initial=1e-300)
                worst = np.nanmax(np.abs(found[name] - values) / size, initial=0.0)
                assert worst < rtol, f"{executor}: {name}: {worst:.1e}"
    return ""


def pair(formula, rule):
    spec = {**RIVER, "landscape": example(formula), "optimizers": [{"kind": rule, "lr": 1e-3}], "seeds": 2, "steps": 9}
    return differs(spec, 1e-11)


def option(name, precision):
    given = dict(OPTIONS[name])
    wrapper = {key: given.pop(key) for key in ("clip", "average", "schedule") if key in given}
    optimizer = {"kind": "sgd", "lr": [0.005, 0.02], "momentum": 0.5, **wrapper}
    spec = {**RIVER, "seeds": 3, "steps": 70, "optimizers": [optimizer], "precision": precision, **given}
    return differs(spec, 1e-9 if precision == "float64" else 2e-3)


def both_executors(precision):
    spec = {**RIVER, "seeds": 4, "steps": 70, "optimizers": [{"kind": "adam", "lr": [0.01, 0.03]}], "precision": precision}
    return differs(spec, 1e-10 if precision == "float64" else 1e-4, ("array", "fused"))


def own_numbers(precision):
    spec = {**RIVER, "seeds": 3, "steps": 21, "optimizers": [{"kind": "sgld", "lr": [0.01, 0.02]}], "precision": precision}
    return differs(spec, 1e-10 if precision == "float64" else 1e-4)


def norms():
    optimizer = {"kind": "spherical_langevin", "lr": [0.001, 0.01], "inverse_temperature": [0.0, 2.0], "average": {"kind": "polyak"}}
    spec = {**RIVER, "landscape": {"kind": "rastrigin", "dim": 7}, "optimizers": [optimizer], "init": {"kind": "sphere"}, "seeds": 2}
    return differs({**spec, "steps": 20}, 1e-9)


def divergence():
    spec = {**RIVER, "seeds": 3, "steps": 60, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05, 0.3, 3.0]}], "record": {"every": 5}}
    (shard,) = shards(spec)
    found, end = collected(CudaSimulation(shard))
    assert (end.status[2:] == DIVERGED).all()
    assert not np.isnan(found["params"][:2]).any()
    assert np.isnan(found["loss"][3, :, -1]).all()
    return differs(spec, 1e-9)


def stopped():
    spec = {**RIVER, "seeds": 8, "steps": 60, "optimizers": [{"kind": "adam", "lr": 0.05}], "stop": {"loss_below": 0.02}}
    (shard,) = shards({**spec, "record": {"every": 1}})
    found, end = collected(CudaSimulation(shard))
    assert (end.status == STOPPED).any()
    for run in np.nonzero(end.status[0] == STOPPED)[0]:
        path = found["params"][0, run, end.last_step[0, run] :]
        assert (path == path[0]).all()
    return ""


def launches():
    """Bits do not depend on where launches are cut, nor on other seeds."""
    optimizer = {"kind": "adam", "lr": [0.01, 0.02, 0.03], "average": {"kind": "tail"}, "schedule": {"kind": "cosine"}}
    for precision in ("float32", "float64"):
        spec = {**RIVER, "seeds": 3, "steps": 75, "precision": precision, "optimizers": [optimizer], "record": {"every": 3}}
        (shard,), (fewer,) = shards(spec), shards({**spec, "seeds": 2})
        expected, _ = collected(CudaSimulation(shard))
        usual, cuda.LAUNCH_WORK = cuda.LAUNCH_WORK, 7 * 9 * 2
        found, _ = collected(CudaSimulation(shard))
        cuda.LAUNCH_WORK = usual
        less, _ = collected(CudaSimulation(fewer))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
            np.testing.assert_array_equal(less[name], values[:, :2])
    return ""


def uniforms():
    """Whole numbers, and the uniforms made of them, agree bit for bit with philox.py."""
    from thalweg.engine.executors import cuda_math, philox

    key = philox.stream_key(7, philox.NOISE)
    seeds, step = np.arange(5), 2**33 + 3
    expected = np.stack(philox.words(7, philox.NOISE, seeds, [step], 3))[:, 0]  # (4, seeds, blocks)
    for seed, block in itertools.product(range(5), range(3)):
        words = cuda_math.philox.fn(*map(np.uint64, (block, step & 0xFFFFFFFF, seed, step >> 32, *key)))
        assert [int(w) for w in words] == expected[:, seed, block].tolist()
        assert cuda_math.cell32.fn(words[0]) == philox._cell(expected[0, seed, block : block + 1], np)[0]
        assert cuda_math.cell64.fn(*words[:2]) == philox.wide(expected[0, seed, block], expected[1, seed, block], np)
    return ""


CASES = {
    **{f"{formula} {rule}": (pair, formula, rule) for formula, rule in itertools.product(FORMULAS, RULES)},
    **{f"{name}, {precision}": (option, name, precision) for name in OPTIONS for precision in ("float64", "float32")},
    **{f"{case.__name__}, {p}": (case, p) for case in (both_executors, own_numbers) for p in ("float64", "float32")},
    **{case.__name__: (case,) for case in (norms, divergence, stopped, launches, uniforms)},
}


def main():
    warnings.simplefilter("ignore")
    made = {}
    with np.errstate(all="ignore"):
        for name, (case, *given) in CASES.items():
            try:
                made[name] = case(*given)
            except Exception:  # noqa: BLE001 told to the test of this case
                made[name] = traceback.format_exc(limit=-3)
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main()
