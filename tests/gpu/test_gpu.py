"""On a CUDA device: every optimizer on every landscape through both executors against the processor, memory, resume. Skipped without one.

The same kernels are checked without a device in tests/engine/executors/cuda: in test_cuda_simulator.py (what they compute) and
test_cuda_compile.py (that they compile); what only a device can show is here.
"""

import itertools
from functools import partial

import numpy as np
import pytest
import thalweg
from helpers.cuda_programs_simulated import EVERYTHING, NETWORK, OPTIMIZERS, STUDY
from helpers.cuda_programs_simulated import OPTIONS as PROGRAM_OPTIONS
from helpers.cuda_simulated import OPTIONS, SHARED
from helpers.studies import FORMULAS, RIVER, RULES, SQUARE, SWARM_OPTIONS, SWARMS, collected, example, shards, swarm_of
from thalweg.engine import check
from thalweg.engine.executors.choose import array_simulation, on_device, simulation
from thalweg.engine.executors.choose import why_not_on_cuda as why_not
from thalweg.engine.executors.cpu import points as fused_executor
from thalweg.engine.executors.cuda import device, programs_source
from thalweg.engine.executors.cuda import points as cuda_executor
from thalweg.engine.executors.cuda import programs as cuda_programs
from thalweg.engine.executors.cuda.array_simulation import DeviceSimulation
from thalweg.engine.executors.cuda.points import CudaSimulation
from thalweg.engine.executors.cuda.programs import CudaPrograms
from thalweg.engine.plan import with_runs_at_once
from thalweg.specs.registry import LANDSCAPES
from thalweg.specs.registry import OPTIMIZERS as RULES_OF_ALL_KINDS
from thalweg.specs.status import Status

pytestmark = pytest.mark.gpu
fused = pytest.mark.skipif(device.missing() is not None, reason=str(device.missing()))
arrays = pytest.mark.skipif(device.missing_arrays() is not None, reason=str(device.missing_arrays()))
TOLERANCE = {"float64": 1e-9, "float32": 2e-3}
"""Largest difference from the processor, of the largest value of the point; docs/gpu.md."""


def agree(found, expected, rtol, shaken=dict):
    """The same ends, NaN in the same places, values within rtol of the largest of their point.

    Where that is too strict, since the problem itself multiplies rounding errors (the polar factor of a singular gradient, quotients of
    cancelling sums), values may differ a hundred times as far as the processor's own move when its start is `shaken`.
    """
    (values, end), (wanted, ended) = found, expected
    np.testing.assert_array_equal(end.status, ended.status)
    np.testing.assert_array_equal(end.last_step, ended.last_step)
    assert set(values) == set(wanted)
    moved = None
    for name, want in wanted.items():
        assert isinstance(values[name], np.ndarray)
        np.testing.assert_array_equal(np.isnan(values[name]), np.isnan(want), err_msg=name)
        worst = distance(values[name], want)
        if worst >= rtol:
            moved = shaken() if moved is None else moved
            assert worst < rtol + 100 * moved.get(name, 0.0), name


def distance(values, want):
    """The largest difference, of the largest value of the point."""
    size = np.nanmax(np.abs(want), axis=tuple(range(1, want.ndim)), keepdims=True, initial=1e-300)
    return np.nanmax(np.abs(values - want) / size, initial=0.0)


def shaken(shard, expected):
    """How far each variable moves on the processor when the start moves in its last digits: the largest of three tries."""
    made = {}
    for attempt in range(3):
        moved, rng = array_simulation(shard), np.random.default_rng(attempt)
        moved.start = lambda start=moved.start, rng=rng: shake(start(), rng)
        for name, values in collected(moved)[0].items():
            made[name] = max(made.get(name, 0.0), distance(values, expected[0][name]))
    return made


def shake(x, rng):
    return x + 4 * np.finfo(x.dtype).eps * (1 + np.abs(x)) * rng.standard_normal(x.shape)


def whole(spec):
    """The study's runs in one shard, as a device with the memory for it takes them."""
    plan = check(spec)
    (shard,) = with_runs_at_once(plan, {group.name: group.runs for group in plan.groups}).groups[0].shards()
    return shard


def by_arrays(shard):
    return DeviceSimulation(array_simulation(shard, device.namespace()))


@fused
@pytest.mark.parametrize(("formula", "rule"), itertools.product(FORMULAS, RULES))
def test_kernels_give_the_trajectories_of_the_processor(formula, rule):
    spec = {**RIVER, "landscape": example(formula), "optimizers": [{"kind": rule, "lr": 1e-3}], "seeds": 33, "steps": 100}
    for shard in shards({**spec, "record": {"every": 10}}):
        assert why_not(shard.group) is None
        agree(collected(CudaSimulation(shard)), collected(array_simulation(shard)), TOLERANCE["float64"])


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("option", OPTIONS)
def test_kernels_with_every_option(option, precision):
    given = dict(OPTIONS[option])
    wrapper = {key: given.pop(key) for key in ("clip", "average", "schedule") if key in given}
    optimizer = {"kind": "sgd", "lr": [0.005, 0.02], "momentum": 0.5, **wrapper}
    for shard in shards({**RIVER, "optimizers": [optimizer], "precision": precision, **given}):
        agree(collected(CudaSimulation(shard)), collected(simulation(shard, "fused")), TOLERANCE[precision])


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("dim", [64, 101, 1000])
@pytest.mark.parametrize("rule", [*RULES, "spherical_langevin"])
def test_runs_that_a_warp_shares(rule, dim, precision):
    spec = {
        **RIVER,
        "landscape": {"kind": "rastrigin", "dim": dim},
        "init": {"kind": "sphere"},
        "optimizers": [{"kind": rule, "lr": [1e-4, 1e-3]}],
    }
    for shard in shards({**spec, "seeds": 9, "steps": 50, "record": {"every": 10}, "precision": precision}):
        assert cuda_executor.run_sources(shard.parts(), precision)[1] == 32
        expected = collected(array_simulation(shard))
        agree(collected(CudaSimulation(shard)), expected, TOLERANCE[precision], partial(shaken, shard, expected))


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("option", SHARED)
def test_runs_that_a_warp_shares_with_options(option, precision):
    given = {"landscape": {"kind": "rastrigin", "dim": 77}, "init": {"kind": "normal"}, **SHARED[option]}
    optimizer = {"lr": [0.0005, 0.001], **given.pop("optimizer")}
    given["landscape"] = {**given["landscape"], "dim": 77}
    for shard in shards({**RIVER, **given, "optimizers": [optimizer], "precision": precision, "seeds": 9, "steps": 40}):
        expected = collected(array_simulation(shard))
        agree(collected(CudaSimulation(shard)), expected, TOLERANCE[precision], partial(shaken, shard, expected))


def swarms_agree(spec, precision):
    """The kernel's swarms are those of both executors on the processor, wherever the processor has a kernel."""
    for shard in shards({**spec, "precision": precision}):
        reason = fused_executor.why_not(shard.group)
        assert why_not(shard.group) == reason
        if reason:
            pytest.skip(reason)
        found, expected = collected(on_device(shard, "fused-cuda")), collected(array_simulation(shard))
        agree(found, expected, TOLERANCE[precision], partial(shaken, shard, expected))
        agree(found, collected(simulation(shard, "fused")), TOLERANCE[precision], partial(shaken, shard, expected))


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("kind", SWARMS)
@pytest.mark.parametrize("particles", [7, 100, 300])
def test_swarms(particles, kind, precision):
    swarms_agree({**SQUARE, "optimizers": [swarm_of(kind, particles=particles)], "steps": 75, "record": {"every": 5}}, precision)


@fused
@pytest.mark.parametrize("formula", FORMULAS)
def test_swarms_on_every_formula(formula):
    swarms_agree({**SQUARE, "landscape": example(formula), "optimizers": [swarm_of("cbo")], "seeds": 9, "steps": 20}, "float64")


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("option", SWARM_OPTIONS)
def test_swarms_with_every_option(option, precision):
    given = dict(SWARM_OPTIONS[option])
    study = {key: given.pop(key) for key in ("stop", "record") if key in given}
    swarms_agree({**SQUARE, "optimizers": [swarm_of("cbo", **given)], "steps": 25, **study}, precision)


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize(("dim", "particles"), [(1, 1000), (5, 300), (20, 1000), (21, 1000)])
def test_swarms_in_shared_memory_and_beyond(dim, particles, precision):
    landscape, optimizer = {"kind": "rastrigin", "dim": dim}, swarm_of("cbo", particles=particles, noise="anisotropic")
    swarms_agree({**SQUARE, "landscape": landscape, "optimizers": [optimizer], "seeds": 5, "steps": 20}, precision)


@fused
@pytest.mark.parametrize("particles", [100, 1000])
def test_bits_of_swarms_do_not_depend_on_launches_or_other_runs(particles, monkeypatch):
    optimizer = swarm_of(
        "cbo_adam", particles=particles, lr=[0.01, 0.02], average={"kind": "ema", "decay": 0.9}, schedule={"kind": "cosine"}
    )
    spec = {**SQUARE, "landscape": {"kind": "rastrigin", "dim": 5}, "seeds": 300, "optimizers": [optimizer], "precision": "float32"}
    spec["record"] = {"every": 3}
    shard, fewer = whole(spec), whole({**spec, "seeds": 70})
    expected, less = collected(on_device(shard, "fused-cuda"))[0], collected(on_device(fewer, "fused-cuda"))[0]
    monkeypatch.setattr(cuda_executor, "LAUNCH_WORK", 7 * 600 * particles * 5)
    found = collected(on_device(shard, "fused-cuda"))[0]
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(less[name], values[:, :70])


def programs_agree(spec, precision):
    """The kernel's runs are those of arrays on the processor."""
    for shard in shards({**spec, "precision": precision}):
        assert why_not(shard.group) is None
        expected = collected(array_simulation(shard))
        agree(collected(CudaPrograms(shard)), expected, TOLERANCE[precision], partial(shaken, shard, expected))


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("option", PROGRAM_OPTIONS)
def test_programs_with_every_option(option, precision):
    programs_agree({**STUDY, **PROGRAM_OPTIONS[option], "seeds": 5}, precision)


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("option", OPTIMIZERS)
def test_programs_with_every_option_of_an_optimizer(option, precision):
    optimizer = {**STUDY["optimizers"][0], **OPTIMIZERS[option]}
    record = EVERYTHING if "average" in optimizer else STUDY["record"]
    programs_agree({**STUDY, "optimizers": [optimizer], "record": record, "seeds": 5, "steps": 30}, precision)


@fused
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("shared", [2**9, 48 * 2**10, 200 * 2**10])
@pytest.mark.parametrize("noise", ["none", {"kind": "minibatch", "size": 32}])
def test_a_network_on_digits_in_any_memory(noise, shared, precision, monkeypatch):
    monkeypatch.setattr(programs_source, "SHARED_BYTES", shared)
    land = {"kind": "mlp", "data": {"builtin": "digits"}, "hidden": [32]}
    spec = {**STUDY, "landscape": land, "noise": noise, "optimizers": [{"kind": "adam", "lr": [0.001, 0.01]}]}
    programs_agree({**spec, "seeds": 3, "steps": 20, "init": {"kind": "normal", "std": 0.1}}, precision)


@fused
@pytest.mark.parametrize("kind", RULES_OF_ALL_KINDS.kinds())
def test_programs_of_every_rule(kind):
    spec = {**STUDY, "optimizers": [{"kind": kind, "lr": [1e-3, 1e-2]}]}
    try:
        (shard,) = shards(spec)
    except thalweg.SpecError as error:
        pytest.skip(f"these do not go together: {error}")
    if why_not(shard.group):
        pytest.skip(why_not(shard.group))
    programs_agree(spec, "float64")


@fused
def test_bits_of_programs_do_not_depend_on_launches_or_other_runs(monkeypatch):
    spec = {**STUDY, "landscape": NETWORK, "seeds": 300, "steps": 40, "precision": "float32"}
    shard, fewer = whole(spec), whole({**spec, "seeds": 70})
    expected, less = collected(CudaPrograms(shard))[0], collected(CudaPrograms(fewer))[0]
    monkeypatch.setattr(cuda_programs, "LAUNCH_SECONDS", 0.0)
    found = collected(CudaPrograms(shard))[0]
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(less[name], values[:, :70])


@arrays
@pytest.mark.parametrize("kind", RULES_OF_ALL_KINDS.kinds())
@pytest.mark.parametrize("landscape", LANDSCAPES.kinds())
def test_arrays_give_the_trajectories_of_the_processor(landscape, kind):
    spec = {"name": "t", "landscape": example(landscape), "optimizers": [{"kind": kind, "lr": 1e-3}], "seeds": 3, "steps": 10}
    try:
        made = shards(spec)
    except thalweg.SpecError as error:
        pytest.skip(f"these do not go together: {error}")
    for shard in made:
        expected = collected(array_simulation(shard))
        agree(collected(by_arrays(shard)), expected, TOLERANCE["float64"], partial(shaken, shard, expected))


@arrays
def test_random_numbers_are_the_same_whole_numbers():
    import cupy
    from thalweg.engine.executors import philox

    xp = device.namespace()
    for made, wanted in zip(
        philox.words(3, 1, np.arange(50), [7, 2**40], 9, xp), philox.words(3, 1, np.arange(50), [7, 2**40], 9), strict=True
    ):
        np.testing.assert_array_equal(cupy.asnumpy(made), wanted)
    for dtype in ("float32", "float64"):
        made = philox.uniform(3, 1, np.arange(50), [7, 8], 9, getattr(xp, dtype), xp)
        np.testing.assert_array_equal(cupy.asnumpy(made), philox.uniform(3, 1, np.arange(50), [7, 8], 9, getattr(np, dtype)))


@arrays
@pytest.mark.parametrize("shape", [(64, 64), (40, 64), (64, 33), (17, 32), (3, 5), (70, 20)])
@pytest.mark.parametrize("clamp", [False, True])
def test_the_kernel_of_newton_schulz_orthogonalises_as_products_do(shape, clamp):
    import cupy
    from thalweg.engine.executors.cuda.newton_schulz import newton_schulz, with_kernels
    from thalweg.optimizers._matrix import MUON
    from thalweg.optimizers._matrix import newton_schulz as by_products

    g = np.random.default_rng(0).standard_normal((2, 3, *shape)).astype(np.float32)
    eps = np.array([1e-7, 0.5], np.float32)[:, None, None, None]
    found = cupy.asnumpy(newton_schulz(with_kernels(), cupy.asarray(g), 5, MUON, cupy.asarray(eps), clamp))
    np.testing.assert_allclose(found, by_products(g.astype(np.float64), 5, eps=eps.astype(np.float64), clamp=clamp), atol=5e-6)
    g[0, 0, 1, 1] = np.nan
    found = cupy.asnumpy(newton_schulz(with_kernels(), cupy.asarray(g), 5, MUON, cupy.asarray(1e-7), False))
    assert np.isnan(found[0, 0]).all()
    assert np.isfinite(found[1:]).all()


@fused
def test_records_that_fill_several_blocks_are_copied_beside_the_computing():
    spec = {**RIVER, "seeds": 3000, "steps": 3000, "optimizers": [{"kind": "adam", "lr": 0.01}]}
    (shard,), (few,) = (shards({**spec, "precision": "float32", "record": record}) for record in ({"every": 1}, {"at": [0, 1500, 3000]}))
    assert shard.group.step_chunk < 300
    found, sparse = collected(CudaSimulation(shard))[0], collected(CudaSimulation(few))[0]
    for name, values in sparse.items():
        np.testing.assert_array_equal(found[name][:, :, [0, 1500, 3000]], values)


@fused
@pytest.mark.parametrize("landscape", ["river_valley", {"kind": "rastrigin", "dim": 70}])
def test_bits_do_not_depend_on_launches_or_other_runs(landscape, monkeypatch):
    optimizer = {"kind": "adam", "lr": [0.01, 0.02, 0.03], "average": {"kind": "tail"}, "schedule": {"kind": "cosine"}}
    spec = {**RIVER, "landscape": landscape, "seeds": 1000, "optimizers": [optimizer], "record": {"every": 3}, "precision": "float32"}
    shard, fewer = whole(spec), whole({**spec, "seeds": 70})
    expected, less = collected(CudaSimulation(shard))[0], collected(CudaSimulation(fewer))[0]
    monkeypatch.setattr(cuda_executor, "LAUNCH_WORK", 7 * 3 * 1000 * shard.group.iterate_size)
    found = collected(CudaSimulation(shard))[0]
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(less[name], values[:, :70])


@fused
def test_a_diverging_run_disturbs_no_neighbour():
    spec = {**RIVER, "seeds": 64, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05, 0.3, 3.0]}]}
    (shard,) = shards(spec)
    found, end = collected(CudaSimulation(shard))
    assert (end.status[2:] == Status.DIVERGED).all()
    alone = collected(CudaSimulation(shards({**spec, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05]}]})[0]))[0]
    np.testing.assert_array_equal(alone["params"], found["params"][:2])


@fused
def test_a_million_runs_stay_within_the_memory_planned_for_them(monkeypatch):
    spec = {
        **RIVER,
        "seeds": 2**20,
        "steps": 50,
        "optimizers": [{"kind": "adam", "lr": 0.01}],
        "record": {"last": True},
        "precision": "float32",
    }
    limit = 64 * 2**20
    monkeypatch.setattr(device, "free_memory", lambda: limit)
    (group,) = check(spec).groups
    at_once = device.runs_at_once(group)
    assert at_once < 2**20
    if device.missing_arrays() is None:
        import cupy

        pool = cupy.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        thalweg.run(spec, device="cuda", executor="fused")
        assert pool.total_bytes() - before <= limit
    else:
        thalweg.run(spec, device="cuda", executor="fused")


@fused
@pytest.mark.parametrize(("first", "second"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_store_begun_on_one_device_is_finished_on_the_other(first, second, tmp_path, monkeypatch):
    from thalweg.engine.executors.cuda.device import MOST_RUNS
    from thalweg.engine.runner import threads

    spec = {**RIVER, "seeds": 40, "optimizers": [{"kind": "adam", "lr": 0.01}], "record": {"every": 10}}
    whole = thalweg.run(spec, device="cpu", executor="fused")["adam"]
    monkeypatch.setattr(device, "MOST_RUNS", min(MOST_RUNS, 10))
    monkeypatch.setattr("thalweg.engine.plan.SHARD_RUNS", 10)
    real = threads.drive
    monkeypatch.setattr(threads, "drive", lambda todo, *rest: real(todo[:2], *rest))
    half = thalweg.run(spec, tmp_path / "o.zarr", device=first, executor="fused")["adam"]
    assert int((half.status == 1).sum()) == 20
    half.close()
    monkeypatch.setattr(threads, "drive", real)
    finished = thalweg.run(spec, tmp_path / "o.zarr", device=second, resume=True)["adam"]
    assert (finished.status == 1).all()
    np.testing.assert_allclose(finished.params, whole.params, rtol=1e-9, atol=1e-11)


@fused
def test_auto_takes_the_device_where_the_work_is_worth_it():
    from thalweg.engine.executors.choose import choose

    (large,) = check({**RIVER, "seeds": 4096, "steps": 5000, "optimizers": ["adam"]}).groups
    (small,) = check({**RIVER, "seeds": 2, "steps": 5, "optimizers": ["adam"]}).groups
    assert choose(large, "auto", "auto").name == "fused-cuda"
    assert choose(small, "auto", "auto").name == "array"
