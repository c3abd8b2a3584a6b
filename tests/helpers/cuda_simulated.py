"""Studies through the CUDA executor in Numba's simulator, each against the processor's executors; prints {case: what is wrong or ""} of the part of
them whose number it is given, as JSON.

Run by test_cuda_simulator.py with `-m` as a process of its own, since NUMBA_ENABLE_CUDASIM is read when Numba is imported.
"""

import contextlib
import itertools
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

import numpy as np
from thalweg.engine.executors.choose import array_simulation, on_device, simulation
from thalweg.engine.executors.choose import why_not_on_cuda as why_not
from thalweg.engine.executors.cpu import points as fused
from thalweg.engine.executors.cuda import points as cuda
from thalweg.engine.executors.cuda import simulator as cuda_simulator
from thalweg.engine.executors.cuda import swarms as cuda_swarm
from thalweg.engine.executors.cuda.points import CudaSimulation
from thalweg.engine.store import checkpoint
from thalweg.specs.status import Status

from .simulated import answer
from .studies import FORMULAS, RIVER, RULES, SQUARE, SWARM_OPTIONS, SWARMS, collected, example, shards, swarm_of

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
        found, end = collected(on_device(shard, "fused-cuda"))
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
    spec = {**RIVER, "seeds": 2, "steps": 67, "optimizers": [optimizer], "precision": precision, **given}
    return differs(spec, 1e-9 if precision == "float64" else 2e-3)


def both_executors():
    spec = {**RIVER, "seeds": 2, "steps": 67, "optimizers": [{"kind": "adam", "lr": [0.01, 0.03]}]}
    return differs(spec, 1e-10, ("array", "fused"))


def own_numbers(precision):
    spec = {**RIVER, "seeds": 3, "steps": 21, "optimizers": [{"kind": "sgld", "lr": [0.01, 0.02]}], "precision": precision}
    return differs(spec, 1e-10 if precision == "float64" else 1e-4)


def formulas_of_the_step(precision):
    rules = [
        {"kind": "sgld", "lr": "0.1/sqrt(t)", "temperature": "sharpness/log(t + 2)"},
        {"kind": "adam", "lr": 0.1, "beta1": "0.9 - 0.9/t"},
    ]
    spec = {**RIVER, "seeds": 3, "steps": 21, "optimizers": rules, "precision": precision}
    spec |= {"landscape": {"kind": "river_valley", "sharpness": [5.0, 10.0]}}
    return differs(spec, 1e-10 if precision == "float64" else 1e-4)


def norms():
    optimizer = {"kind": "spherical_langevin", "lr": [0.001, 0.01], "inverse_temperature": [0.0, 2.0], "average": {"kind": "polyak"}}
    spec = {**RIVER, "landscape": {"kind": "rastrigin", "dim": 7}, "optimizers": [optimizer], "init": {"kind": "sphere"}, "seeds": 2}
    return differs({**spec, "steps": 20}, 1e-9)


def divergence():
    spec = {**RIVER, "seeds": 3, "steps": 60, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05, 0.3, 3.0]}], "record": {"every": 5}}
    (shard,) = shards(spec)
    found, end = collected(CudaSimulation(shard))
    assert (end.status[2:] == Status.DIVERGED).all()
    assert not np.isnan(found["params"][:2]).any()
    assert np.isnan(found["loss"][3, :, -1]).all()
    return differs(spec, 1e-9)


def stopped():
    spec = {**RIVER, "seeds": 8, "steps": 60, "optimizers": [{"kind": "adam", "lr": 0.05}], "stop": {"loss_below": 0.02}}
    (shard,) = shards({**spec, "record": {"every": 1}})
    found, end = collected(CudaSimulation(shard))
    assert (end.status == Status.STOPPED).any()
    for run in np.nonzero(end.status[0] == Status.STOPPED)[0]:
        path = found["params"][0, run, end.last_step[0, run] :]
        assert (path == path[0]).all()
    return ""


def launches(seeds=2, steps=67, **given):
    """Bits do not depend on where launches are cut, nor on other seeds."""
    optimizer = {"kind": "adam", "lr": [0.01, 0.02, 0.03], "average": {"kind": "tail"}, "schedule": {"kind": "cosine"}}
    spec = {**RIVER, "seeds": seeds, "steps": steps, "precision": "float32", "optimizers": [optimizer], "record": {"every": 3}, **given}
    (shard,), (fewer,) = shards(spec), shards({**spec, "seeds": 1})
    expected, _ = collected(CudaSimulation(shard))
    with settings(cuda, LAUNCH_WORK=7 * 3 * seeds * shard.group.iterate_size):
        found, _ = collected(CudaSimulation(shard))
    less, _ = collected(CudaSimulation(fewer))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(less[name], values[:, :1])
    return ""


SHARED = {
    "noise, clip by norm, average": {
        "optimizer": {"kind": "sgd", "momentum": 0.5, "clip": {"kind": "norm", "at": 5.0}, "average": {"kind": "ema", "decay": 0.9}},
        "init": {"kind": "normal", "std": 0.3},
    },
    "student_t, clip by value, schedule": {
        "optimizer": {"kind": "sgd", "momentum": 0.5, "clip": {"kind": "value", "at": 5.0}, "schedule": {"kind": "cosine"}},
        "noise": {"kind": "student_t", "scale": 0.1, "df": 3.0},
    },
    "own numbers, stop early": {"optimizer": {"kind": "sgld"}, "stop": {"loss_below": 65.0}, "noise": {"kind": "none"}},
    "sums over components": {"optimizer": {"kind": "spherical_langevin", "inverse_temperature": 2.0}, "init": {"kind": "sphere"}},
    "a loss of sums": {"optimizer": {"kind": "sgd"}, "landscape": {"kind": "ackley", "dim": 5}},
    "neighbours": {"optimizer": {"kind": "adam", "lr": [1e-4, 2e-4]}, "landscape": {"kind": "rosenbrock", "dim": 7}},
    "a component in all terms": {
        "optimizer": {"kind": "sgd", "lr": [1e-4, 2e-4], "average": {"kind": "polyak"}},
        "landscape": {"kind": "river_valley_nd", "dim": 6},
    },
    "single components": {"optimizer": {"kind": "sgd", "lr": [1e-4, 2e-4]}, "landscape": {"kind": "levy", "dim": 5}},
    "some diverge": {"optimizer": {"kind": "sgd", "lr": [0.001, 0.2]}, "stop": {"diverge_above": 200.0}},
}
"""Studies whose runs are each shared by a warp."""


def on_a_warp(name, precision):
    """The trajectories of the processor, of components that are no multiple of anything."""
    given = dict(SHARED[name])
    optimizer = {"lr": [0.001, 0.002], **given.pop("optimizer")}
    spec = {**RIVER, "landscape": {"kind": "rastrigin", "dim": 7}, "init": {"kind": "point", "at": 0.4}, **given}
    spec |= {"optimizers": [optimizer], "precision": precision, "seeds": 1, "steps": 13, "record": {"every": 3}}
    with warps():
        (shard,) = shards(spec)
        assert cuda.run_sources(shard.parts(), precision)[1] == cuda.WARP
        return differs(spec, 1e-10 if precision == "float64" else 1e-3)


def launches_of_warps():
    with warps():
        return launches(seeds=1, steps=20, landscape={"kind": "rastrigin", "dim": 5}, init={"kind": "normal"})


def warps():
    """Runs of five components and more are shared by warps of two threads, a block each."""
    return settings(cuda, WARP=2, WARP_DIM=5, THREADS=2, FEW_THREADS=2)


@contextlib.contextmanager
def settings(module, **values):
    """These constants of a module for a while."""
    usual = {name: getattr(module, name) for name in values}
    vars(module).update(values)
    try:
        yield
    finally:
        vars(module).update(usual)


def swarm(kind, precision, steps=12, **given):
    """A small swarm, by default of more particles than a block has threads."""
    study = {key: given.pop(key) for key in ("stop", "record", "landscape", "seeds") if key in given}
    spec = {**SQUARE, "optimizers": [swarm_of(kind, **given)], "seeds": 2, "steps": steps, "precision": precision, **study}
    if fused.why_not(shards(spec)[0].group):
        return "" if why_not(shards(spec)[0].group) == fused.why_not(shards(spec)[0].group) else "runs on the device alone"
    return differs(spec, 1e-9 if precision == "float64" else 2e-3)


def on_formula(formula):
    return swarm("cbo", "float64", 5, landscape=example(formula), seeds=1)


def swarm_option(name, precision):
    return swarm("cbo", precision, steps=25 if name == "stop early" else 12, **SWARM_OPTIONS[name])


def far_swarm(precision):
    """Over a multiple of 64 steps, with all that grows from one."""
    given = {"alpha_growth": 1.01, "average": {"kind": "ema", "decay": 0.9}, "schedule": {"kind": "cosine"}, "record": {"every": 10}}
    return swarm("cbo_adam", precision, steps=75, seeds=1, **given)


def swarm_in_memory(precision):
    """Nothing but what must be is in shared memory."""
    with settings(cuda_swarm, SHARED_BYTES=400):
        return swarm("cbo_adam", precision) or swarm("cbo", precision, landscape={"kind": "rastrigin", "dim": 3})


def swarm_of_warps(precision):
    """Warps of four, one component a warp, several warps a component, particles that are no multiple of anything."""
    with settings(cuda_swarm, WARP=4, MOST_THREADS=8):
        spheres = [{"kind": "rastrigin", "dim": dim} for dim in (1, 5)]
        return "".join(swarm("cbo", precision, 7, particles=n, landscape=land) for n in (3, 13) for land in spheres)


def swarm_launches():
    """Bits do not depend on where launches are cut, nor on other seeds."""
    given = {"average": {"kind": "ema", "decay": 0.9}, "schedule": {"kind": "cosine"}, "lr": [0.01, 0.02]}
    spec = {
        **SQUARE,
        "seeds": 2,
        "steps": 20,
        "precision": "float32",
        "optimizers": [swarm_of("cbo_adam", **given)],
        "record": {"every": 3},
    }
    (shard,), (fewer,) = shards(spec), shards({**spec, "seeds": 1})
    expected, _ = collected(cuda_swarm.CudaSwarm(shard))
    with settings(cuda, LAUNCH_WORK=6 * 4 * 14):
        found, _ = collected(cuda_swarm.CudaSwarm(shard))
    less, _ = collected(cuda_swarm.CudaSwarm(fewer))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(less[name], values[:, :1])
    return ""


def swarm_checkpoints():
    """A swarm goes on from the middle of a block of records, with the same bits."""
    spec = {**SQUARE, "seeds": 1, "steps": 20, "optimizers": [swarm_of("cbo_adam")], "precision": "float32", "record": {"every": 1}}
    often, launches = settings(checkpoint, EVERY=0.0), settings(cuda, LAUNCH_WORK=5 * 14)
    with tempfile.TemporaryDirectory() as folder, often, launches:
        (shard,) = shards(spec)
        expected, ended = collected(cuda_swarm.CudaSwarm(shard))
        kept, left, resumed = checkpoint.Checkpoint(Path(folder) / "c", "key"), [], []

        def interrupt(steps):
            left.append(steps)
            if len(left) == 3:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            list(cuda_swarm.CudaSwarm(shard).run(interrupt, kept))
        *blocks, end = cuda_swarm.CudaSwarm(shard).run(resumed.append, kept)
        assert sum(resumed) < 20
        np.testing.assert_array_equal(end.last_step, ended.last_step)
        for name, values in expected.items():
            np.testing.assert_array_equal(np.concatenate([b.data[name] for b in blocks], axis=2), values)
    return ""


def one_shared_array_a_line():
    """Threads of a block that come to it together get the same one."""
    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    cuda_simulator.complete_simulator()
    shared, together, found = FakeCUDAShared(0), threading.Barrier(4), []

    def thread():
        together.wait()
        found.append(shared.array((2, 3), np.float32))

    def slow(*given, empty=np.empty):
        time.sleep(0.05)
        return empty(*given)

    with mock.patch.object(np, "empty", slow):
        threads = [threading.Thread(target=thread) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert len(found) == 4
    assert all(array is found[0] for array in found)
    return ""


def too_large_a_swarm():
    """Where a block's memory does not do, there is a reason."""
    optimizer = swarm_of("cbo", particles=2, average={"kind": "polyak"})
    (shard,) = shards({**SQUARE, "optimizers": [optimizer], "landscape": {"kind": "rastrigin", "dim": 3000}, "steps": 2})
    assert "bytes of memory, above 32,768" in (why_not(shard.group) or "")
    with settings(cuda_swarm, LOCAL_BYTES=2**20, SHARED_BYTES=2**12):
        assert "bytes of shared memory, above 4,096" in (why_not(shard.group) or "")
    return ""


def uniforms():
    """Whole numbers, and the uniforms made of them, agree bit for bit with philox.py."""
    from thalweg.engine.executors import philox
    from thalweg.engine.executors.cuda import elementary as cuda_math

    key = philox.stream_key(7, philox.NOISE)
    seeds, step = np.arange(5), 2**33 + 3
    expected = np.stack(philox.words(7, philox.NOISE, seeds, [step], 3))[:, 0]  # (4, seeds, blocks)
    for seed, block in itertools.product(range(5), range(3)):
        words = cuda_math.philox.fn(*map(np.uint64, (block, step & 0xFFFFFFFF, seed, step >> 32, *key)))
        assert [int(w) for w in words] == expected[:, seed, block].tolist()
        assert cuda_math.cell32.fn(words[0]) == philox._cell(expected[0, seed, block : block + 1], np)[0]
        assert cuda_math.cell64.fn(*words[:2]) == philox.wide(expected[0, seed, block], expected[1, seed, block], np)
    return ""


PAIRS = sorted({*itertools.product(FORMULAS, ["adam"]), *itertools.product(["river_valley", "rosenbrock"], RULES)})
"""A kernel calls the functions made of a formula and those made of a rule, neither of which depends on the other: each of both once is
enough here. On a device all pairs are run (tests/gpu)."""
CASES = {
    **{f"{formula} {rule}": (pair, formula, rule) for formula, rule in PAIRS},
    **{f"{name}, float64": (option, name, "float64") for name in OPTIONS},
    **{f"{name}, float32": (option, name, "float32") for name in ("student_t in three dimensions", "noise per component", "tail")},
    **{
        f"on a warp: {name}, {p}": (on_a_warp, name, p)
        for name, p in (*itertools.product(SHARED, ["float64"]), (next(iter(SHARED)), "float32"))
    },
    **{f"own_numbers, {p}": (own_numbers, p) for p in ("float64", "float32")},
    **{f"formulas_of_the_step, {p}": (formulas_of_the_step, p) for p in ("float64", "float32")},
    **{case.__name__: (case,) for case in (both_executors, norms, divergence, stopped, launches, launches_of_warps, uniforms)},
    **{f"{kind} of particles, {p}": (swarm, kind, p) for kind in SWARMS for p in ("float64", "float32")},
    **{f"cbo on {formula}": (on_formula, formula) for formula in ("beale", "river_valley_nd")},
    **{f"swarm: {name}": (swarm_option, name, "float64") for name in SWARM_OPTIONS},
    **{f"{case.__name__}, {p}": (case, p) for case in (far_swarm, swarm_in_memory, swarm_of_warps) for p in ("float64", "float32")},
    **{case.__name__: (case,) for case in (swarm_launches, swarm_checkpoints, one_shared_array_a_line, too_large_a_swarm)},
}


QUICK = tuple(
    name
    for name in CASES
    if name
    in ("rosenbrock adam", "river_valley sgd", "student_t in three dimensions, float32", "norms", "divergence", "launches", "stopped")
    or name in (f"on a warp: {next(iter(SHARED))}, float64", "cbo of particles, float32", "swarm: stop early", "swarm_checkpoints")
)
"""Cases of `make test`; `make gpu-check` and `make verify` run all."""
PARTS = 4
"""Processes that all others are given to, one after the other, so that two workers of pytest-xdist both find work."""


def part_of(name):
    return 0 if name in QUICK else 1 + list(CASES).index(name) * PARTS // len(CASES)


def main():
    cuda_swarm.WARP, cuda_swarm.MOST_THREADS = 2, 4  # every thread is one of Python's
    answer({name: case for name, case in CASES.items() if part_of(name) == int(sys.argv[1])})


if __name__ == "__main__":
    main()
