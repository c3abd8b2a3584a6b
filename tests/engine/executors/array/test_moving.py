"""Formulas as numbers of a run: constants are those numbers, swept parameters take part in their sweep, and t moves from step to step."""

from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from helpers.studies import collected, shards
from thalweg.engine import check, run
from thalweg.engine.api import verify_study
from thalweg.engine.claims.verdict import PASSED
from thalweg.engine.executors.array import moving
from thalweg.engine.executors.array.simulation import Simulation
from thalweg.engine.executors.choose import array_simulation
from thalweg.engine.runner.branch import branched
from thalweg.engine.runner.merge import merge
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.registry import OPTIMIZERS

BOWL = {"kind": "expression", "variables": ["x", "y"], "parameters": {"k": [1.0, 4.0]}, "value": "k*x**2/2 + y**2/2"}
ONE = {**BOWL, "parameters": {"k": 1.0}}
STEPS = 10
T = np.arange(1, STEPS + 1)


def study(optimizer, landscape=BOWL, **changes):
    init = {"kind": "point", "at": 1.0}
    return {"name": "m", "landscape": landscape, "init": init, "optimizers": [optimizer], "steps": STEPS, "seeds": 3, **changes}


def path(optimizer, landscape=BOWL, executor="array", **changes):
    (group,) = run(study(optimizer, landscape, **changes), executor=executor).children.values()
    return group.to_dataset()


def same(a, b):
    assert set(a.data_vars) == set(b.data_vars)
    for name in a.data_vars:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


BOTH = pytest.mark.parametrize("executor", ["array", "fused"])


@pytest.mark.parametrize(
    ("precision", "executor"),
    few(product(("float64", "float32"), ("array", "fused")), keep=[("float64", "array"), ("float32", "array"), ("float64", "fused")]),
)
def test_a_constant_is_the_number(executor, precision):
    written = {"kind": "adam", "lr": "1/2**5", "beta1": "1 - 1/8", "weight_decay": "0*dim", "eps": "dim/steps*0.125"}
    plain = {"kind": "adam", "lr": 0.03125, "beta1": 0.875, "weight_decay": 0.0, "eps": 0.025}
    given = {"precision": precision, "executor": executor}
    noise, init = {"kind": "gaussian", "scale": "k/8"}, {"kind": "normal", "std": "1/dim"}
    a = path(written, ONE, noise=noise, init=init, **given)
    same(a, path(plain, ONE, noise={"kind": "gaussian", "scale": 0.125}, init={"kind": "normal", "std": 0.5}, **given))


@BOTH
def test_a_swept_parameter_takes_part_in_its_sweep(executor):
    """On k x^2 / 2 gradient descent with rate 1 / (2 k) halves x at every step, whatever k."""
    found = path({"kind": "sgd", "lr": "1/(2*k)"}, executor=executor)
    assert found.params.dims == ("k", "seed", "step", "dim")
    np.testing.assert_allclose(found.params.sel(dim="x"), np.broadcast_to(0.5 ** np.arange(STEPS + 1), (2, 3, STEPS + 1)), rtol=1e-12)
    many = path({"kind": "sgd", "lr": "1/(2*k)", "momentum": [0.0, 0.5]}, executor=executor)
    for k in (1.0, 4.0):
        alone = path({"kind": "sgd", "lr": 1 / (2 * k), "momentum": [0.0, 0.5]}, {**BOWL, "parameters": {"k": k}}, executor=executor)
        same(many.sel(k=k), alone)


def test_starts_noise_and_wrappers_take_part_too():
    optimizer = {
        "kind": "sgd",
        "lr": 0.1,
        "lr_scale": {"x": "1/k"},
        "clip": {"kind": "norm", "at": "k/10"},
        "average": {"kind": "tail", "start": "k/10"},
        "schedule": {"kind": "wsd", "decay": "k/8"},
    }
    given = {"noise": {"kind": "student_t", "scale": "k/4", "df": "2 + k"}, "init": {"y": {"kind": "normal", "std": "k"}}}
    many = path(optimizer, **given)
    for k in (1.0, 4.0):
        plain = {
            "kind": "sgd",
            "lr": 0.1,
            "lr_scale": {"x": 1 / k},
            "clip": {"kind": "norm", "at": k / 10},
            "average": {"kind": "tail", "start": k / 10},
            "schedule": {"kind": "wsd", "decay": k / 8},
        }
        fixed = {"noise": {"kind": "student_t", "scale": k / 4, "df": 2 + k}, "init": {"y": {"kind": "normal", "std": k}}}
        same(many.sel(k=k), path(plain, {**BOWL, "parameters": {"k": k}}, **fixed))


def test_a_swept_size_gives_each_its_own():
    land = {"kind": "expression", "sizes": {"h": [2, 8]}, "variables": {"W": [3, "h"], "b": ["h"]}, "value": "sum(W**2)/2 + sum(b**2)/2"}
    init = {"W": {"kind": "normal", "std": "1/sqrt(h)"}, "b": {"kind": "point", "at": 1.0}}
    record = {"variables": ["loss"]}
    many = path({"kind": "sgd", "lr": "1/h", "lr_scale": {"b": "1/dim"}}, land, init=init, record=record)
    for h in (2, 8):
        fixed = {"W": {"kind": "normal", "std": 1 / np.sqrt(h)}, "b": {"kind": "point", "at": 1.0}}
        alone = path({"kind": "sgd", "lr": 1 / h, "lr_scale": {"b": 1 / (4 * h)}}, {**land, "sizes": {"h": h}}, init=fixed, record=record)
        same(many.sel(h=h), alone)


@BOTH
@pytest.mark.parametrize("precision", few(["float64", "float32"], keep=["float32"]))
def test_a_rate_that_is_the_schedule_has_its_bits(executor, precision):
    """lr c(t) as a formula against the schedule: linear, c = 1 - (t - 1) / steps (1 - floor)."""
    given = {"precision": precision, "executor": executor, "noise": {"kind": "gaussian", "scale": 0.1}}
    written = path({"kind": "adam", "lr": "1 - (t - 1)/steps*(1 - 0.25)"}, ONE, **given)
    same(written, path({"kind": "adam", "lr": 1.0, "schedule": {"kind": "linear", "floor": 0.25}}, ONE, **given))
    both = path({"kind": "adam", "lr": "0.5/k", "schedule": {"kind": "linear", "floor": "1/4"}}, ONE, **given)
    same(both, path({"kind": "adam", "lr": 0.5, "schedule": {"kind": "linear", "floor": 0.25}}, ONE, **given))


@BOTH
def test_a_rate_of_the_step_on_a_quadratic(executor):
    """x_T = x_0 prod_t (1 - lr_t k)."""
    found = path({"kind": "sgd", "lr": "0.5/(k*sqrt(t))", "schedule": {"kind": "step", "every": 5, "gamma": 0.1}}, executor=executor)
    rates = 0.5 / np.sqrt(T) * np.where(T > 5, 0.1, 1.0)
    np.testing.assert_allclose(found.params.sel(dim="x").isel(step=-1), np.full((2, 3), np.prod(1 - rates)), rtol=1e-12)


@BOTH
def test_another_number_of_the_step(executor):
    """Decay of the step: x_T = x_0 prod_t (1 - lr (k + wd_t))."""
    found = path({"kind": "sgd", "lr": 0.1, "weight_decay": "k/t"}, executor=executor)
    for k in (1.0, 4.0):
        np.testing.assert_allclose(found.params.sel(dim="x", k=k).isel(step=-1), np.full(3, np.prod(1 - 0.1 * (k + k / T))), rtol=1e-12)


def test_noise_that_dies_out():
    """x moves by -lr times the noise on a flat landscape: noise of scale 1/t is that of scale 1, divided by t."""
    flat = {**ONE, "value": "0*x + 0*y"}
    loud, quiet = (
        path({"kind": "sgd", "lr": 1.0}, flat, noise={"kind": "gaussian", "scale": s, "components": [1, 3]}).params for s in (1.0, "1/t")
    )
    np.testing.assert_allclose(quiet.diff("step"), loud.diff("step") / T[:, None], atol=1e-14)


def test_tails_that_grow_thin():
    """Each step has the number that a constant df has at that step."""
    flat = {**ONE, "value": "0*x + 0*y"}
    moving = path({"kind": "sgd", "lr": 1.0}, flat, noise={"kind": "student_t", "df": "2 + t"}).params.diff("step")
    for t in T:
        fixed = path({"kind": "sgd", "lr": 1.0}, flat, noise={"kind": "student_t", "df": 2.0 + t}).params.diff("step")
        np.testing.assert_allclose(moving.isel(step=t - 1), fixed.isel(step=t - 1), atol=1e-13)


def test_a_clip_that_opens():
    far = path({"kind": "sgd", "lr": 1.0, "clip": {"kind": "norm", "at": "t/100"}}, ONE, init={"kind": "point", "at": 10.0}).params
    np.testing.assert_allclose(np.linalg.norm(far.diff("step").values, axis=-1), np.broadcast_to(T / 100, (3, STEPS)), rtol=1e-12)


def test_an_average_of_all_iterates():
    """ema with decay 1 - 1/t is polyak's mean."""
    fields = {"kind": "sgd", "lr": 0.3}
    ema = path({**fields, "average": {"kind": "ema", "decay": "1 - 1/t"}}, ONE).average_params
    np.testing.assert_allclose(ema, path({**fields, "average": "polyak"}, ONE).average_params, rtol=1e-12)


def test_a_factor_on_one_variable():
    found = path({"kind": "sgd", "lr": 0.5, "lr_scale": {"x": "1/(k*t)"}})
    for k in (1.0, 4.0):
        last = found.params.sel(k=k).isel(step=-1, seed=0).values
        np.testing.assert_allclose(last, [np.prod(1 - 0.5 / T), 0.5**STEPS], rtol=1e-12, atol=1e-17)


SOME = ["adam", "adamw", "cbo", "cbo_adam", "lion", "muon", "radam", "sgd", "sgld", "soap", "spherical_langevin"]
"""Rules of every family, for `make test`."""


@pytest.mark.parametrize(("kind", "precision"), few(product(OPTIMIZERS.kinds(), ("float64", "float32")), keep=product(SOME, ("float64",))))
def test_every_number_of_every_rule_may_be_one(kind, precision):
    """Written as a formula of t whose value is constant, each has the bits of the number."""
    cls = OPTIMIZERS.load(kind)
    plain = cls.model_validate({"kind": kind})
    fixed = set(cls.initial.values())
    numbers = {
        p: v for p, v, structural in plain.fields() if not structural and isinstance(v, float) and p[0] not in fixed and "schedule" not in p
    }
    land = {"kind": "expression", "variables": {"W": [3, 2], "b": [2]}, "value": "sum((W - 1)**2)/2 + sum(b**4)/4 + sum(W)*sum(b)/9"}
    changes = {p: f"{v!r} + 0*t" for p, v in numbers.items()}
    given = {"init": {"kind": "normal", "std": 0.5}, "precision": precision}
    written = plain.replace(changes).model_dump()
    same(path(written, land, **given), path({"kind": kind}, land, **given))


def test_particles_have_their_alpha_of_the_step():
    """alpha 2**t is what alpha 2 becomes that grows by 2 from step to step."""
    given = {"init": {"kind": "normal"}, "landscape": ONE}
    grown = path({"kind": "cbo", "particles": 20, "alpha": 2.0, "alpha_growth": 2.0, "alpha_max": 2.0**STEPS}, **given)
    written = path({"kind": "cbo", "particles": 20, "alpha": "2**t"}, **given)
    same(written, grown)


def test_a_run_alone_in_pieces_and_in_few_steps_at_once(monkeypatch):
    optimizer = {"kind": "sgld", "lr": "0.1/sqrt(t)", "temperature": "k/log(t + 2)"}
    whole = path(optimizer)
    monkeypatch.setattr(moving, "AHEAD", 3)
    same(path(optimizer), whole)
    same(path(optimizer, {**BOWL, "parameters": {"k": 4.0}}), whole.sel(k=4.0))
    same(path(optimizer, seeds=1), whole.isel(seed=slice(1)))


@BOTH
def test_a_resumed_and_a_branched_run(executor, tmp_path):
    optimizer = {"kind": "sgld", "lr": "0.1/sqrt(t)", "temperature": "k/log(t + 2)"}
    given = study(optimizer, record={"every": 1, "state": [4]})
    whole = run(given, tmp_path / "a.zarr", executor=executor)["sgld"].to_dataset()
    same(run(given, tmp_path / "a.zarr", executor=executor, resume=True)["sgld"].to_dataset(), whole)
    later = run(branched(tmp_path / "a.zarr", 4), executor=executor)["sgld"].to_dataset()
    np.testing.assert_array_equal(later.params, whole.params.sel(step=slice(4, None)))
    other = run(branched(tmp_path / "a.zarr", 4, ["sgld.temperature=0*t"]), executor=executor)["sgld"].to_dataset()
    assert not np.array_equal(other.params, later.params)


def test_a_branch_from_a_swept_number_needs_one_of_its_values(tmp_path):
    given = study({"kind": "sgd", "lr": [0.1, 0.2]}, ONE, record={"state": [4]})
    run(given, tmp_path / "a.zarr")
    found = run(branched(tmp_path / "a.zarr", 4, ["sgd.lr=0.1*k"]))["sgd"].to_dataset()
    np.testing.assert_array_equal(found.loss, run(given)["sgd"].to_dataset().loss.sel(lr=0.1, step=slice(4, None)))
    with pytest.raises(SpecError, match=r"lr=0.1/t: .* has no such runs to continue; its lr is one of 0.1, 0.2"):
        run(branched(tmp_path / "a.zarr", 4, ["sgd.lr=0.1/t"]))


def test_stores_that_differ_in_a_formula_are_not_joined(tmp_path):
    run(study({"kind": "sgd", "lr": "0.1*k"}), tmp_path / "a.zarr")
    run(study({"kind": "sgd", "lr": "0.1*k"}, seeds=5), tmp_path / "b.zarr")
    run(study({"kind": "sgd", "lr": 0.1}), tmp_path / "c.zarr")
    merge([tmp_path / "a.zarr", tmp_path / "b.zarr"], tmp_path / "ab.zarr")
    with pytest.raises(StoreError, match="sgd differs in more than the values of its sweeps"):
        merge([tmp_path / "a.zarr", tmp_path / "c.zarr"], tmp_path / "ac.zarr")


def test_claims_may_name_them():
    claims = [
        {"name": "rate", "measure": "final(loss)*0 + lr*k", "expected": 0.1, "atol": 1e-12},
        {"name": "constant", "measure": "final(loss)*0 + momentum", "expected": 0.25, "atol": 1e-12},
    ]
    given = study({"kind": "sgd", "lr": "0.1/k", "momentum": "1/4", "weight_decay": "0/t"})
    assert [v.verdict for v in verify_study(study({**given["optimizers"][0]}, claims=claims))[1]] == [PASSED, PASSED]
    moving_claim = {"name": "d", "measure": "final(loss)*weight_decay", "less_than": 3}
    with pytest.raises(SpecError, match="'0/t' changes from step to step, and a claim needs a number"):
        verify_study(study({**given["optimizers"][0]}, claims=[moving_claim]))


def test_no_run_without_a_formula_has_anything_that_moves():
    (shard,) = shards(study({"kind": "adam", "lr": [0.1, 0.2]}))
    assert Simulation(shard).moving is None
    (shard,) = shards(study({"kind": "adam", "lr": "0.1/t", "schedule": {"kind": "linear", "floor": "1/t"}}))
    assert Simulation(shard).moving is None  # the table of rates has them


@pytest.mark.parametrize("xp", ["array_api_strict"])
def test_other_namespaces(xp):
    xp = pytest.importorskip(xp)
    spec = study(
        {"kind": "sgld", "lr": "0.1/sqrt(t)", "temperature": "k/log(t + 2)", "lr_scale": {"x": "1/t"}},
        noise={"kind": "gaussian", "scale": "1/t"},
    )
    (shard,) = check(spec).groups[0].shards()
    (found, _), (wanted, _) = collected(array_simulation(shard, xp)), collected(array_simulation(shard))
    np.testing.assert_allclose(found["params"], wanted["params"], rtol=1e-12)
