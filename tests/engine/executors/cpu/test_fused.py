"""The fused executor against the array executor: every rule on every formula, every option, bits, divergence, vector code."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from helpers.studies import FORMULAS, RIVER, RULES, SQUARE, SWARM_OPTIONS, SWARMS, collected, example, shards, swarm_of
from thalweg.engine import check
from thalweg.engine.executors.array.simulation import Simulation
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.codegen.rule_source import FUSABLE
from thalweg.engine.executors.cpu import points as fused
from thalweg.engine.executors.cpu.llvm import address, unchecked
from thalweg.engine.executors.cpu.points import FusedSimulation, why_not
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS
from thalweg.specs.status import Status


def compare(spec, rtol):
    """Both executors on every shard: NaN in the same places, the same outcome, values within rtol of the largest of their point."""
    for shard in shards(spec):
        assert why_not(shard.group) is None
        (expected, ended), (found, end) = collected(array_simulation(shard)), collected(simulation(shard, "fused"))
        np.testing.assert_array_equal(end.status, ended.status)
        np.testing.assert_array_equal(end.last_step, ended.last_step)
        assert set(found) == set(expected)
        for name, values in expected.items():
            assert found[name].shape == values.shape
            np.testing.assert_array_equal(np.isnan(found[name]), np.isnan(values), err_msg=name)
            size = np.nanmax(np.abs(values), axis=(1, 2), keepdims=True, initial=1e-300)
            worst = np.nanmax(np.abs(found[name] - values) / size, initial=0.0)
            assert worst < rtol, f"{name}: {worst:.1e}"


@pytest.mark.parametrize(
    ("formula", "rule"),
    few(product(FORMULAS, RULES), keep=[*product(("ackley", "canyon", "opposing_signals"), ("adam",)), ("rosenbrock", "sgld")]),
)
def test_every_rule_on_every_formula(formula, rule):
    compare({**RIVER, "landscape": example(formula), "optimizers": [{"kind": rule, "lr": 1e-3}], "record": {"every": 10}}, 1e-9)


@pytest.mark.parametrize("rule", few(RULES, keep=["adabelief", "adadelta", "adam", "lion", "radam", "sgd"]))
def test_every_rule_with_its_numbers_per_lane(rule):
    compare({**RIVER, "seeds": 3, "optimizers": [{"kind": rule, "lr": {"logspace": [1e-4, 1e-2, 30]}}]}, 1e-9)


@pytest.mark.parametrize("formula", few(FORMULAS, keep=["expression", "rosenbrock"]))
def test_every_formula_with_its_numbers_per_lane(formula):
    land = example(formula)
    unit = LANDSCAPES.load(formula).model_validate(land)
    for path, value, structural in unit.fields():
        if not structural and isinstance(value, float):
            swept = {"linspace": [value, 1.1 * value + 0.01, 7]}
            land = land | ({"parameters": {**land["parameters"], path[1]: swept}} if len(path) == 2 else {path[0]: swept})
            break
    compare({**RIVER, "seeds": 5, "landscape": land, "optimizers": [{"kind": "adam", "lr": 1e-3}]}, 1e-9)


def skip_if_not_fusable(spec):
    reason = why_not(shards(spec)[0].group)
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize(
    ("formula", "rule"),
    few(
        product(FORMULAS, SWARMS),
        keep=lambda formula, rule: formula == "rosenbrock" or (rule == "cbo" and formula in ("expression", "river_valley")),
    ),
)
def test_every_swarm_on_every_formula(formula, rule):
    spec = {**SQUARE, "landscape": example(formula), "optimizers": [swarm_of(rule)], "seeds": 9, "steps": 20}
    skip_if_not_fusable(spec)
    compare(spec, 1e-7)


@pytest.mark.parametrize(
    ("option", "seeds"),
    few(
        product(SWARM_OPTIONS, (70, 3)),
        keep=[
            *product(("average", "anisotropic", "more particles", "they diverge"), (70,)),
            *product(("schedule", "stop early", "every record"), (3,)),
        ],
    ),
)
def test_every_option_of_swarms(option, seeds):
    given = dict(SWARM_OPTIONS[option])
    study = {key: given.pop(key) for key in ("stop", "record") if key in given}
    compare({**SQUARE, "optimizers": [swarm_of("cbo", **given)], "seeds": seeds, "steps": 25, **study}, 1e-8)


def test_bits_of_a_swarm_do_not_depend_on_calls_or_threads(monkeypatch):
    optimizer = swarm_of("cbo", lr=[0.01, 0.02], average={"kind": "ema", "decay": 0.9}, schedule={"kind": "cosine"})
    for seeds in (70, 3):
        (shard,) = shards({**SQUARE, "seeds": seeds, "optimizers": [optimizer], "record": {"every": 3}})
        expected, _ = collected(simulation(shard, "fused"))
        monkeypatch.setattr(fused, "CALL_WORK", 7 * 2 * seeds * 2 * 7)
        found, _ = collected(simulation(shard, "fused", threads=2))
        monkeypatch.undo()
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_an_average_goes_on_after_a_call_that_ends_where_powers_begin_anew(monkeypatch):
    def shard(decay):
        optimizer = swarm_of("cbo", lr=[0.01, 0.02], average={"kind": "ema", "decay": decay})
        return shards({**SQUARE, "seeds": 3, "optimizers": [optimizer], "record": {"every": 3}})[0]

    expected, _ = collected(simulation(shard(0.9), "fused"))
    monkeypatch.setattr(fused, "CALL_WORK", 64 * 2 * 3 * 7 * 2)
    *blocks, _ = simulation(shard(0.9), "fused").run(
        lambda steps: collected(simulation(shard(0.1), "fused"))
    )  # which leaves its own in memory
    for name, values in expected.items():
        np.testing.assert_array_equal(np.concatenate([b.data[name] for b in blocks], axis=2), values)


@pytest.mark.parametrize("seeds", [70, 3])
def test_a_rule_with_norms_and_inner_products(seeds):
    optimizer = {"kind": "spherical_langevin", "lr": [0.001, 0.01], "inverse_temperature": [0.0, 2.0], "average": {"kind": "polyak"}}
    init = {"kind": "sphere"}
    compare({**RIVER, "landscape": {"kind": "rastrigin", "dim": 65}, "optimizers": [optimizer], "init": init, "seeds": seeds}, 1e-9)


OPTIONS = {
    "student_t": {"noise": {"kind": "student_t", "scale": 0.1, "df": [2.5, 4.0]}},
    "noise per component": {"noise": {"kind": "gaussian", "scale": [0.1, 0.2], "components": [1.0, 4.0]}},
    "no noise": {"noise": {"kind": "none"}},
    "clip by value": {"clip": {"kind": "value", "at": [0.2, 1.0]}},
    "clip by norm": {"clip": {"kind": "norm", "at": [0.2, 1.0]}},
    "ema": {"average": {"kind": "ema", "decay": [0.9, 0.99]}},
    "tail": {"average": {"kind": "tail", "start": [0.3, 20.0]}},
    "polyak": {"average": {"kind": "polyak"}},
    "schedule": {"schedule": {"kind": "wsd", "warmup": 10, "decay": [0.2, 0.5], "floor": 0.1}},
    "cosine": {"schedule": {"kind": "cosine"}},
    "stop early": {"stop": {"loss_below": 0.02}},
    "normal start": {"init": {"kind": "normal", "std": 0.3}},
    "log records": {"record": {"log": 9}},
    "records at": {"record": {"at": [0, 1, 37, 64, 65]}},
    "last record": {"record": {"last": True}},
    "one variable": {"record": {"every": 7, "variables": ["hill"]}},
}


@pytest.mark.parametrize(
    ("option", "seeds"), few(product(OPTIONS, (40, 3)), keep=[*product([*OPTIONS][::2], (40,)), *product([*OPTIONS][1::2], (3,))])
)
def test_every_option(option, seeds):
    given = dict(OPTIONS[option])
    wrapper = {key: given.pop(key) for key in ("clip", "average", "schedule") if key in given}
    optimizer = {"kind": "sgd", "lr": [0.005, 0.02], "momentum": 0.5, **wrapper}
    compare({**RIVER, "seeds": seeds, "optimizers": [optimizer], **given}, 1e-9)
    compare({**RIVER, "seeds": seeds, "optimizers": [optimizer], "precision": "float32", **given}, 2e-3)


@pytest.mark.parametrize(
    ("formula", "dim"),
    few(
        product(("rastrigin", "griewank", "ackley"), (1, 2, 3, 65, 300)),
        keep=[("rastrigin", 1), ("rastrigin", 65), ("griewank", 3), ("ackley", 2)],
    ),
)
def test_any_dimension(formula, dim):
    landscape = {"kind": formula, "dim": dim}
    compare({**RIVER, "landscape": landscape, "seeds": 2, "steps": 20, "optimizers": [{"kind": "adam", "lr": 1e-3}]}, 1e-9)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("seeds", [64, 4])
def test_a_diverging_run_ends_as_in_the_array_executor_and_disturbs_no_neighbour(seeds, precision):
    spec = {**RIVER, "seeds": seeds, "precision": precision, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05, 0.3, 3.0]}]}
    (shard,) = shards(spec)
    (_, ended), (found, end) = collected(Simulation(shard)), collected(FusedSimulation(shard))
    assert (ended.status[2:] == Status.DIVERGED).all()
    np.testing.assert_array_equal(end.status, ended.status)
    assert np.abs(end.last_step - ended.last_step).max() <= (0 if precision == "float64" else 1)
    assert not np.isnan(found["params"][:2]).any()
    alone = collected(FusedSimulation(shards({**spec, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05]}]})[0]))[0]
    np.testing.assert_array_equal(alone["params"], found["params"][:2])


def test_a_stopped_run_stays_where_it_was():
    (shard,) = shards({**RIVER, "optimizers": [{"kind": "adam", "lr": 0.05}], "stop": {"loss_below": 0.02}, "record": {"every": 1}})
    found, end = collected(FusedSimulation(shard))
    stopped = np.nonzero(end.status[0] == Status.STOPPED)[0]
    assert len(stopped) > 10
    for run in stopped:
        path = found["params"][0, run, end.last_step[0, run] :]
        assert (path == path[0]).all()
        assert found["loss"][0, run, -1] < 0.02


@pytest.mark.parametrize("seeds", [100, 5])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_bits_do_not_depend_on_calls_threads_or_other_seeds(seeds, precision, monkeypatch):
    optimizer = {"kind": "adam", "lr": [0.01, 0.02, 0.03], "average": {"kind": "tail"}, "schedule": {"kind": "cosine"}}
    spec = {**RIVER, "seeds": seeds, "precision": precision, "optimizers": [optimizer], "record": {"every": 3}}
    (shard,) = shards(spec)
    expected, _ = collected(FusedSimulation(shard))
    monkeypatch.setattr(fused, "CALL_WORK", 7 * 3 * seeds * 2)
    monkeypatch.setattr(fused, "TILE_BYTES", 5000)
    with ThreadPoolExecutor(2) as pool:
        for made in (FusedSimulation(shard, threads=2), FusedSimulation(shard, pool=pool)):
            found, _ = collected(made)
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values)
    if seeds == 100:
        (fewer,) = shards({**spec, "seeds": 70})
        for name, values in collected(FusedSimulation(fewer))[0].items():
            np.testing.assert_array_equal(values, expected[name][:, :70])


def test_sin_far_from_the_origin_is_the_library_s():
    land = {"kind": "expression", "variables": ["x"], "value": "sin(x)", "observables": {"height": "sin(x)"}}
    spec = {**RIVER, "landscape": land, "noise": {"kind": "none"}, "init": {"kind": "point", "at": [1e15 + 0.5]}, "steps": 3}
    compare({**spec, "optimizers": [{"kind": "sgd", "lr": 0.1}]}, 1e-12)


@pytest.mark.full
@pytest.mark.parametrize("rule", few(["adam", "sgld"], keep=["sgld"]))
def test_the_distribution_of_the_final_loss_is_the_same_over_long_runs(rule):
    from scipy.stats import ks_2samp

    spec = {
        **RIVER,
        "landscape": {"kind": "rastrigin", "a": 1.0},
        "optimizers": [{"kind": rule, "lr": 0.02}],
        "noise": {"kind": "gaussian", "scale": 3.0},
        "seeds": 400,
        "steps": 2000,
        "record": {"last": True},
    }
    (array,), (lanes,) = shards({**spec, "root_seed": 1}), shards({**spec, "root_seed": 2, "precision": "float32"})
    expected, found = collected(Simulation(array))[0]["loss"], collected(FusedSimulation(lanes))[0]["loss"]
    assert ks_2samp(expected.ravel(), found.ravel()).pvalue > 1e-3


CALLS = re.compile(r"\b(call|jmp)\w*\s+\*?.*\b(sinf?|cosf?|tanf?|expf?|logf?|powf?|tanhf?|sqrtf?)\b")
PACKED = re.compile(r"\bv?(add|sub|mul|fn?m(add|sub)\d+)p[sd]\b")
DOUBLE = re.compile(r"\bv?(add|sub|mul|div|sqrt|fn?m(add|sub)\d+)[sp]d\b")


def assembly(source, name):
    """What one function of a generated module compiles to; Numba does not show code that came from its cache."""
    made = {}
    exec(compile(source.replace("cache=True", "cache=False"), "<generated>", "exec"), made)
    (text,) = made[name].inspect_asm().values()
    if "xmm" not in text and "ymm" not in text and "zmm" not in text:
        pytest.skip("not an x86 processor")
    return text


@pytest.mark.parametrize(
    ("rule", "precision"),
    few(product(RULES, ("float32", "float64")), keep=[("adam", "float32"), ("lion", "float32"), ("adam", "float64")]),
)
def test_every_rule_becomes_vector_code(rule, precision):
    (shard,) = shards({**RIVER, "optimizers": [{"kind": rule}], "precision": precision})
    text = assembly(FusedSimulation(shard).sources.rule, "rule")
    assert PACKED.search(text)
    assert not CALLS.search(text)
    if precision == "float32":
        assert not DOUBLE.search(text)


@pytest.mark.parametrize("noise", ["isotropic", "anisotropic"])
def test_a_rule_of_particles_becomes_vector_code(noise):
    (shard,) = shards({**SQUARE, "optimizers": [swarm_of("cbo", noise=noise)], "precision": "float32"})
    text = assembly(simulation(shard, "fused").sources.rule, "rule")
    assert PACKED.search(text)
    assert not CALLS.search(text)
    assert not DOUBLE.search(text)


@pytest.mark.parametrize("rule", [k for k in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(k), FUSABLE)])
def test_no_quotient_of_a_rule_is_an_unrefined_estimate(rule):
    """As `/` would be in its functions, with 14 bits, on some processors."""
    spec = {**SQUARE, "optimizers": [swarm_of(rule) if rule in SWARMS else rule], "precision": "float32"}
    skip_if_not_fusable(spec)
    (shard,) = shards(spec)
    assert "/" not in simulation(shard, "fused").sources.rule.split("@njit", 1)[1]


@pytest.mark.parametrize("formula", few(FORMULAS, keep=["expression", "rosenbrock"]))
def test_every_formula_becomes_vector_code(formula):
    (shard,) = shards({**RIVER, "landscape": example(formula), "optimizers": ["sgd"], "precision": "float32"})
    made = FusedSimulation(shard).sources
    for name in ("landscape", "slope") if made.apart else ("landscape",):
        text = assembly(made.landscape, name)
        assert PACKED.search(text)
        assert not CALLS.search(text)


def test_what_cannot_be_fused_says_why():
    quadratic = check({**RIVER, "landscape": "quadratic", "optimizers": ["sgd"]}).groups[0]
    assert why_not(quadratic) == "the landscape quadratic is not a formula"


def test_a_function_of_another_signature_has_no_address():
    from numba import njit, types

    function = njit(types.int64(types.int64))(lambda x: x)
    assert address(function, types.int64(types.int64)) > 0
    for other in (types.int64(types.float64), types.float64(types.int64)):
        with pytest.raises(TypeError, match="is not compiled as"):
            address(function, other)


def test_the_first_call_of_an_unchecked_function_is_checked():
    from numba import njit, types

    function = njit(types.int64(types.int64))(lambda x: x + 1)
    with pytest.raises(TypeError, match="No matching definition"):
        unchecked(function)(np.zeros(2))
    call = unchecked(function)
    assert [call(1), call(2), call(3)] == [2, 3, 4]
