"""Formulas that change from step to step: which t each update and each record sees, whatever runs them."""

import numpy as np
import pytest
import thalweg
from thalweg.engine import check, run
from thalweg.engine.runner.branch import branched
from thalweg.specs.errors import SpecError

DRIFT = {"kind": "expression", "variables": {"x": []}, "value": "(x - 0.5*t)**2/2", "observables": {"left": "steps - t", "ahead": "x - t"}}


def study(land, **more):
    base = {"name": "t", "landscape": land, "init": {"kind": "point", "at": 0.0}, "optimizers": [{"kind": "sgd", "lr": 0.5}], "steps": 6}
    return {**base, **more}


def test_update_t_goes_down_the_formula_at_t_and_step_k_records_that_at_k():
    made = run(study(DRIFT))["sgd"].isel(seed=0)
    x = [0.0]
    for t in range(1, 7):
        x.append(x[-1] - 0.5 * (x[-1] - 0.5 * t))
    shown = np.maximum(np.arange(7), 1)  # at step 0 no update has been made: the first objective
    np.testing.assert_allclose(made.params.values.ravel(), x, rtol=1e-15)
    np.testing.assert_allclose(made.loss, (np.array(x) - 0.5 * shown) ** 2 / 2, rtol=1e-15)
    np.testing.assert_array_equal(made.left, 6 - shown)
    np.testing.assert_allclose(made.ahead, np.array(x) - shown, rtol=1e-14)


def test_the_last_step_alone_is_what_it_is_among_all():
    every, last = (run(study(DRIFT, record={"every": n}))["sgd"].isel(step=-1) for n in (1, 6))
    for name in ("loss", "left", "ahead", "params"):
        np.testing.assert_array_equal(every[name], last[name])


def test_an_annealed_objective_is_what_a_loop_makes_of_it():
    land = {
        "kind": "expression",
        "variables": {"u": [3]},
        "parameters": {"k": [1.0, 2.0]},
        "value": "sum(cos(u))*t/steps + k*sum(u**2)/sqrt(t)",
    }
    made = run(study(land, init={"kind": "normal"}, optimizers=[{"kind": "sgd", "lr": 0.1}], seeds=2))["sgd"]
    for k in (1.0, 2.0):
        one = made.sel(k=k).isel(seed=1)
        u = one.params.values[0]
        for t in range(1, 7):
            u = u - 0.1 * (-np.sin(u) * t / 6 + 2 * k * u / np.sqrt(t))
            np.testing.assert_allclose(one.params.values[t], u, rtol=1e-13)


def test_diagnostics_see_the_formula_that_is_recorded():
    land = {"kind": "expression", "variables": {"u": [2]}, "value": "t*sum(u**2)/2"}
    made = run(
        study(
            land,
            init={"kind": "normal"},
            optimizers=[{"kind": "sgd", "lr": 0.01}],
            record={"variables": ["loss", "params", "gradient_norm", "hessian_top", "lyapunov"]},
        )
    )
    made = made["sgd"].isel(seed=0)
    shown = np.maximum(made.step.values, 1)
    np.testing.assert_allclose(made.hessian_top, shown, rtol=1e-10)
    np.testing.assert_allclose(made.gradient_norm, shown * np.linalg.norm(made.params, axis=-1), rtol=1e-12)
    rate = np.log1p(-0.01 * np.arange(1, 7)).mean()  # every update shrinks by 1 - 0.01 t
    np.testing.assert_allclose(made.lyapunov.values[-1], rate, rtol=1e-9)


def test_a_swarm_follows_what_moves():
    land = {"kind": "expression", "variables": {"u": [2]}, "value": "sum((u - 2*t/steps)**2)"}
    optimizers = [{"kind": "cbo", "particles": 60, "alpha": 100.0, "lr": 0.1}]
    made = run(study(land, init={"kind": "normal", "std": 2.0}, optimizers=optimizers, steps=400, seeds=3))["cbo"]
    assert (np.abs(made.params.isel(step=-1) - 2) < 0.5).all()
    assert (np.abs(made.params.isel(step=0)) < 1).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_minibatches_sizes_and_whole_numbers_go_with_it(precision):
    land = {
        "kind": "expression",
        "data": {"builtin": "blobs"},
        "variables": {"w": ["p"]},
        "arrays": {"stream": [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [4.0, 4.0]]},
        "value": "mean((X @ w - y)**2)/t + sum(stream[t])",
    }
    made = run(study(land, steps=3, precision=precision, noise={"kind": "minibatch", "size": 4}, optimizers=[{"kind": "sgd", "lr": 0.0}]))[
        "sgd"
    ]
    full = np.mean(thalweg.load_study(study(land)).landscape.dataset.y ** 2)
    np.testing.assert_allclose(made.loss.isel(seed=0), full / np.array([1, 1, 2, 3]) + [1, 1, 2, 8], rtol=1e-6)


def test_a_branch_goes_on_where_it_was(tmp_path):
    whole = run(study(DRIFT, steps=8, record={"state": [4]}), tmp_path / "whole.zarr")["sgd"].sel(step=slice(4, 8))
    branch = run(branched(tmp_path / "whole.zarr", 4), tmp_path / "branch.zarr")["sgd"]
    for name in ("params", "loss", "left"):
        np.testing.assert_array_equal(branch[name], whole[name])


def test_what_does_not_name_the_step_does_not_take_it():
    still = thalweg.load_study(study({**DRIFT, "value": "x**2", "observables": {}})).landscape
    moving = thalweg.load_study(study({**DRIFT, "value": "x**2"})).landscape
    assert (still.takes_step, moving.takes_step) == (False, True)


def test_its_names_are_taken():
    with pytest.raises(SpecError, match="the name 't' is taken by the formula language"):
        check(study({**DRIFT, "parameters": {"t": 1.0}}))


def test_there_is_no_picture_of_what_moves(tmp_path):
    land = {"kind": "expression", "variables": {"u": [2]}, "value": "sum((u - t)**2)"}
    tree = run(study(land), out=tmp_path / "t.zarr")
    with pytest.raises(SpecError, match="the landscape expression changes from step to step; choose loss"):
        thalweg.plot(tmp_path / "t.zarr", kind="landscape")
    with pytest.raises(SpecError, match="changes from step to step"):
        tree["sgd"].thalweg.on_landscape()
