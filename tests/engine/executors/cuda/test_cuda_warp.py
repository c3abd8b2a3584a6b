"""Which functions a warp shares, and how; that they compute the right thing is tested in test_cuda_simulator.py and on a device."""

import re

import pytest
from helpers.studies import RULES, shards
from thalweg.engine.executors.codegen.refusal import NotFusable
from thalweg.engine.executors.cuda.points import WARP, WARP_DIM, features, run_sources, thread_sources, why_not
from thalweg.engine.executors.cuda.warp_source import SHARED_BYTES, component, shared, slots

ALONE, GATHERED = ("rastrigin", "ackley", "schwefel", "styblinski_tang"), ("rosenbrock", "levy", "river_valley_nd")


def shard_of(landscape, dim, rule="sgd", precision="float32"):
    spec = {"name": "t", "landscape": {"kind": landscape, "dim": dim}, "init": {"kind": "normal"}, "steps": 5}
    (shard,) = shards({**spec, "optimizers": [{"kind": rule, "lr": 1e-3}], "precision": precision})
    return shard


@pytest.mark.parametrize("dim", [1, 2, 63, 64, 65, 100, 129])
def test_every_component_has_one_slot(dim):
    held = [eval(component("slot", "lane"), {"lane": lane, "slot": s, "WARP": 32}) for lane in range(32) for s in range(slots(dim, 32))]
    assert sorted(d for d in held if d < dim) == list(range(dim))


@pytest.mark.parametrize("rule", [*RULES, "spherical_langevin"])
def test_every_rule_is_dealt_out(rule):
    made = thread_sources(shard_of("rastrigin", 70, rule).parts(), "float32")
    text = shared(made.rule, 70, WARP, 4)
    assert "range(4)" in text
    assert "X.shape" not in text


@pytest.mark.parametrize("landscape", ALONE + GATHERED)
def test_landscapes_are_shared_from_some_size_on(landscape):
    for dim, threads in ((WARP_DIM - 1, 1), (WARP_DIM, WARP)):
        shard = shard_of(landscape, dim)
        made, warp = run_sources(shard.parts(), "float32")
        assert warp == threads
        assert ("cuda.shared" in made.landscape) == (warp > 1 and landscape in GATHERED)
        assert why_not(shard.group) is None


@pytest.mark.parametrize(("precision", "most"), [("float32", 1536), ("float64", 768)])
@pytest.mark.parametrize(("landscape", "share"), [("rosenbrock", 1.0), ("river_valley_nd", 2 / 3)])
def test_shared_memory_has_an_end(landscape, share, precision, most):
    """Observables take an iterate more."""
    most = round(share * most)
    for dim, threads in ((most, WARP), (most + 1, 1)):
        made, warp = run_sources(shard_of(landscape, dim, precision=precision).parts(), precision)
        assert warp == threads
        arrays = [int(n) * int(w) * int(d) for n, w, d in re.findall(r"shared\.array\(\((\d+), (\d+), (\d+)\)", made.landscape)]
        assert sum(arrays) * (4 if precision == "float32" else 8) <= SHARED_BYTES


def test_products_are_left_to_a_thread():
    made = thread_sources(shard_of("griewank", 70).parts(), "float32")
    with pytest.raises(NotFusable, match="wait for each other"):
        shared(made.landscape, 70, WARP, 4)
    assert run_sources(shard_of("griewank", 70).parts(), "float32")[1] == 1


def test_a_warp_holds_runs_too_long_for_a_thread():
    shard = shard_of("rastrigin", 5000)
    parts = shard.parts()
    whole, part = (features(shard, parts, thread_sources(parts, "float32"), warp).local_bytes for warp in (1, WARP))
    assert part < 0.04 * whole
