"""Forecasts: what they count, and what runs leave for them."""

import time

import pytest
import thalweg
from thalweg.engine import check
from thalweg.engine.executors.choose import array_simulation, first_runs, simulation
from thalweg.engine.executors.codegen import disk_cache as cache
from thalweg.engine.executors.cpu import rates
from thalweg.engine.runner.forecast import forecast, makespan, shards_of, spread, trial

QUADRATIC = {"kind": "quadratic", "dim": 3}
STUDY = {"name": "f", "landscape": QUADRATIC, "optimizers": ["sgd"], "seeds": 20, "steps": 2000, "record": {"last": True}}
RIVER = {
    "name": "r",
    "landscape": "river_valley",
    "optimizers": ["adam"],
    "noise": {"kind": "gaussian", "scale": 0.1},
    "seeds": 640,
    "steps": 4000,
}


def of(study, executor="array", **more):
    plan = check({**study, **more})
    return forecast(plan, {group.name: executor for group in plan.groups}, threads=2)


def test_steps_and_shards_count():
    few, many = of(STUDY, steps=100_000).processors, of(STUDY, steps=10_000_000).processors
    assert 20 < many / few < 500
    lr = {"optimizers": [{"kind": "sgd", "lr": {"linspace": [0.01, 0.1, 2]}, "nesterov": False, "momentum": 0.5}]}
    assert of(STUDY, **lr).processors > 0


def test_what_is_recorded_counts():
    network = {"name": "n", "landscape": {"kind": "teacher_network", "inputs": 20, "hidden": 10}, "optimizers": ["sgd"], "steps": 500}
    plain = of(network, record={"last": True}).processors
    assert of(network, record={"every": 1, "variables": ["hessian_top"]}).processors > 5 * plain


def test_a_forecast_of_a_large_study_takes_a_moment():
    network = {"kind": "mlp", "data": {"builtin": "digits"}, "hidden": [512, 512]}
    began = time.process_time()
    expected = of({"name": "n", "landscape": network, "optimizers": ["adam"], "seeds": 100, "steps": 10**6})
    assert expected.run > 3600
    assert time.process_time() - began < 60  # seconds; it would be hours if all of it ran


def test_rates_of_earlier_runs_are_used_and_vanish_with_the_kernels():
    (group,) = check(RIVER).groups
    (shard,) = group.shards()
    made = simulation(shard, "fused")
    path = rates.path(made)
    path.unlink(missing_ok=True)
    model = rates.modelled(made)
    assert rates.rate(made) == model
    rates.note(made, 3.0, 1e6)
    assert rates.rate(made) == 3e-6
    path.write_text("no number")
    assert rates.rate(made) == model
    thalweg.run(RIVER | {"steps": 40_000}, executor="fused", threads=1)
    (other,) = check(RIVER | {"steps": 40_000}).groups
    found = simulation(next(other.shards()), "fused")
    assert rates.path(found).is_file()
    assert model / 20 < rates.rate(found) < 20 * model
    assert rates.path(found) in [path for path, *_ in cache.entries()]


def test_operations_of_a_loop_count_as_often_as_it_turns():
    (shard,) = check(RIVER).groups[0].shards()
    rule = simulation(shard, "fused").sources.rule
    assert rates.operations(rule, "rule", 200) == 100 * rates.operations(rule, "rule", 2)


@pytest.mark.parametrize(
    ("costs", "workers", "seconds"), [([(1.0, 5)], 2, 3.0), ([(4.0, 1), (1.0, 3)], 2, 4.0), ([(1.0, 1)], 8, 1.0), ([], 2, 0.0)]
)
def test_shards_go_to_whoever_is_free(costs, workers, seconds):
    assert makespan(costs, workers) == seconds


def test_samples_stand_for_all_shards():
    land = {"kind": "rosenbrock", "dim": [2, 3, 4, 5, 6, 7, 8]}
    (group,) = check({**STUDY, "landscape": land}).groups
    assert shards_of(group) == 7 == sum(1 for _ in group.shards())
    assert [shard.parts().landscape.size for shard in spread(group, 7)] == [3, 5, 7]
    (whole,) = check(STUDY).groups[0].shards()
    assert [len(first_runs(whole, runs).seeds) for runs in (0, 1, 7, 100)] == [1, 1, 7, 20]


def test_trials_leave_no_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (shard,) = check(STUDY | {"record": {"every": 2, "state": [6]}, "stop": {"loss_below": 1e-9}}).groups[0].shards()
    assert trial(array_simulation(shard), 5, 2) >= 0
    assert not list(tmp_path.iterdir())
