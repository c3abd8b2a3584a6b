"""A start for each variable: its law, its random numbers, its sweeps, and one line about what is wrong with it."""

import numpy as np
import pytest
from thalweg.engine import run
from thalweg.engine.api import verify_study
from thalweg.engine.claims.verdict import PASSED
from thalweg.engine.plan import plan
from thalweg.engine.runner.branch import branched
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load_study, parse_study

NETWORK = {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [5]}
TENSORS = {"kind": "expression", "variables": {"W": [6, 4], "b": [4], "s": []}, "value": "sum(W**2) + sum(b**2) + s**2"}
SCALARS = {"kind": "expression", "variables": ["x", "y"], "value": "x**2 + 3*y**2"}


def study(landscape=NETWORK, **changes):
    return {"name": "starts", "landscape": landscape, "optimizers": [{"kind": "sgd", "lr": 0.1}], "steps": 4, "seeds": 3, **changes}


def started(landscape=NETWORK, **changes):
    return run(study(landscape, **changes))["sgd"].to_dataset()


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_the_same_start_for_every_variable_is_one_start_for_all(kind, precision):
    names = ("W1", "b1", "W2", "b2")
    one, each = started(init=kind, precision=precision), started(init=dict.fromkeys(names, kind), precision=precision)
    assert all(np.array_equal(one[name], each[name]) for name in one.data_vars)


def test_a_fan_in_of_the_matrices_is_the_landscapes_own_start():
    own, each = started(), started(init={"W1": "fan_in", "W2": {"kind": "fan_in", "gain": 1.0}})
    assert all(np.array_equal(own[name], each[name]) for name in own.data_vars)


def test_variables_that_are_not_named_start_as_the_landscape_says():
    own, some = started(), started(init={"W1": {"kind": "point", "at": 0.5}, "b2": {"kind": "point", "at": [1, 2, 3]}})
    first = some.isel(step=0)
    assert np.array_equal(first.params_W2, own.params_W2.isel(step=0))
    assert np.all(first.params_W1 == 0.5)
    assert np.array_equal(first.params_b2, np.broadcast_to([1.0, 2.0, 3.0], (3, 3)))


def test_a_start_that_knows_the_whole_point_is_cut_for_variables_that_are_not_named():
    river = {"kind": "river_valley"}
    own, some = started(river), started(river, init={"x": {"kind": "point", "at": 7.0}})
    assert np.all(some.params.isel(step=0, dim=0) == 7.0)
    assert np.array_equal(some.params.isel(step=0, dim=1), own.params.isel(step=0, dim=1))


def test_every_kind_has_its_law_on_a_variable_alone():
    init = {
        "W": {"kind": "sphere", "radius": 2.0},
        "b": {"kind": "uniform", "low": 3.0, "high": 4.0},
        "s": {"kind": "normal", "mean": 5.0, "std": 0.0},
    }
    first = started(TENSORS, init=init, seeds=50).isel(step=0)
    assert np.allclose((first.params_W**2).sum(["W_0", "W_1"]), 4.0)
    assert np.all((first.params_b >= 3) & (first.params_b < 4))
    assert np.all(first.params_s == 5.0)


@pytest.mark.parametrize("shape", [[6, 4], [4, 6], [5, 5], [3, 2, 4]])
def test_orthogonal_matrices(shape):
    land = {"kind": "expression", "variables": {"W": shape, "b": [4]}, "value": "sum(W**2) + sum(b**2)"}
    first = started(land, init={"kind": "orthogonal", "gain": 3.0}, seeds=400).isel(step=0)
    w = first.params_W.values.reshape(400, shape[0], -1)
    small = w if w.shape[1] <= w.shape[2] else np.swapaxes(w, 1, 2)
    assert np.allclose(small @ np.swapaxes(small, 1, 2), 9 * np.eye(small.shape[1]))
    assert np.all(first.params_b == 0)
    size = max(shape[0], w.shape[2])
    assert np.abs(w.mean(0)).max() < 5 * 3 / np.sqrt(size * 400)  # Haar's measure: no direction is preferred
    assert np.allclose((w**2).mean(0), 9 / size, atol=5 * 9 * np.sqrt(2) / size / 20)


def test_an_orthogonal_start_of_one_variable_takes_the_numbers_of_the_whole():
    whole, one = (
        started(TENSORS, init="orthogonal"),
        started(TENSORS, init={"W": "orthogonal", "b": {"kind": "point", "at": 0}, "s": {"kind": "point", "at": 0}}),
    )
    assert all(np.array_equal(whole[name], one[name]) for name in whole.data_vars)


@pytest.mark.parametrize("kind", ["muon", "cbo", "adam"])
def test_every_executor_of_arrays_has_them(kind):
    init = {"W": {"kind": "normal", "std": 2.0}, "b": {"kind": "point", "at": 1.5}}
    found = run(study(TENSORS, init=init, optimizers=[kind], record={"variables": ["params"]}))[kind].to_dataset()
    if kind != "cbo":
        assert np.all(found.params_b.isel(step=0) == 1.5)
    same = run(study(TENSORS, init=init, optimizers=[kind], record={"variables": ["params"]}))[kind].to_dataset()
    assert same.identical(found)


@pytest.mark.parametrize("executor", ["array", "fused"])
def test_scalar_variables_of_a_formula_have_starts_by_their_names(executor):
    init = {"y": {"kind": "point", "at": 2.0}, "x": {"kind": "normal", "std": [0.1, 1.0]}}
    found = run(study(SCALARS, init=init), executor=executor)["sgd"].to_dataset()
    one = run(study(SCALARS, init={"kind": "normal", "std": [0.1, 1.0]}), executor=executor)["sgd"].to_dataset()
    assert found.params.dims[:2] == ("std", "seed")
    assert np.all(found.params.isel(step=0).sel(dim="y") == 2.0)
    assert np.array_equal(found.params.isel(step=0).sel(dim="x"), one.params.isel(step=0).sel(dim="x"))


def test_particles_draw_each_their_own():
    init = {"x": {"kind": "normal", "std": 2.0}, "y": {"kind": "point", "at": 1.0}}
    optimizers, record = [{"kind": "cbo", "particles": 400}], {"variables": ["swarm"]}
    first = run(study(SCALARS, init=init, optimizers=optimizers, record=record))["cbo"].to_dataset().swarm.isel(step=0)
    assert np.all(first.sel(dim="y") == 1.0)
    assert np.allclose(first.sel(dim="x").std("particle"), 2.0, atol=0.4)


def test_particles_that_start_together_are_refused():
    init = {"x": {"kind": "point", "at": 2.0}, "y": {"kind": "normal", "std": 0.0}}
    with pytest.raises(SpecError, match="the particles of cbo would all start at one point and stay there"):
        load_study(study(SCALARS, init=init, optimizers=["cbo"]))


@pytest.mark.parametrize(
    ("init", "dims"),
    [
        ({"W": {"kind": "normal", "std": [0.1, 1.0]}}, ("std",)),
        ({"W": {"kind": "normal", "std": [0.1, 1.0]}, "b": {"kind": "normal", "std": [1, 2, 3]}}, ("W.std", "b.std")),
        ({"W": {"kind": "normal", "std": [0.1, 1.0]}, "b": {"kind": "sphere", "radius": [1, 2]}}, ("std", "radius")),
    ],
)
def test_sweeps_become_dimensions(init, dims):
    found = started(TENSORS, init=init)
    assert found.loss.dims == (*dims, "seed", "step")
    values = {name: found[name].values.tolist() for name in dims}
    assert list(values.values()) == [next(v for k, v in one.items() if k != "kind") for one in init.values()]
    first = found.params_W.isel(step=0, drop=True)
    narrow, wide = (first.isel({dims[0]: k}, drop=True) for k in (0, 1))
    assert np.allclose(wide, 10 * narrow)


def test_zipped_with_a_rate():
    given = study(
        TENSORS,
        init={"W": {"kind": "normal", "std": [0.1, 1.0]}},
        optimizers=[{"kind": "sgd", "lr": [0.1, 0.2]}],
        zip=[["init.W.std", "sgd.lr"]],
    )
    assert run(given)["sgd"].to_dataset().loss.dims == ("std", "seed", "step")


def test_settings_reach_every_start():
    given = study(init={"W1": {"kind": "normal", "std": 0.3}, "b1": "normal"})
    changed = load_study(given, ["init.W1.std=[1, 2]", "init.b1.kind=uniform", "init.b1.low=-3", "init.W2=fan_in"])
    assert (
        changed.to_yaml()
        == load_study(study(init={"W1": {"kind": "normal", "std": [1, 2]}, "b1": {"kind": "uniform", "low": -3}, "W2": "fan_in"})).to_yaml()
    )
    with pytest.raises(SpecError, match=r"--set std=1: there is no 'std'; did you mean init.W1.std or init.b1.std\?"):
        load_study(given, ["std=1"])


def test_it_is_written_and_read_again():
    made = load_study(study(init={"W1": {"kind": "normal", "std": [0.3, 1]}, "b1": {"kind": "point", "at": [1, 2, 3, 4, 5]}}))
    assert made.model_validate(made.model_dump(mode="json")) == made
    assert load_study(made, ["seeds=3"]) == made
    assert parse_study(made.to_yaml()) == made


def test_a_claim_may_name_its_numbers():
    init = {"W": {"kind": "normal", "std": 1.0}, "b": {"kind": "normal", "std": 2.0}, "s": {"kind": "sphere", "radius": 3.0}}
    claim = {"name": "spread", "measure": "final(loss)*0 + W.std + init.b.std + radius", "expected": 6.0, "atol": 1e-9}
    _, (verdict,) = verify_study(study(TENSORS, init=init, claims=[claim]))
    assert verdict.verdict == PASSED


def test_a_branch_and_a_resumed_run(tmp_path):
    given = study(init={"W1": {"kind": "normal", "std": [0.3, 1.0]}}, steps=8, record={"every": 1, "state": [4]})
    whole = run(given, out=tmp_path / "a.zarr")["sgd"].to_dataset()
    assert run(given, out=tmp_path / "a.zarr", resume=True)["sgd"].to_dataset().identical(whole)
    later = run(branched(tmp_path / "a.zarr", 4))["sgd"].to_dataset()
    assert np.array_equal(whole.loss.sel(step=slice(4, None)), later.loss)


def test_a_swept_size_draws_for_each(tmp_path):
    land = {"kind": "expression", "sizes": {"h": [2, 5]}, "variables": {"W": [3, "h"], "b": ["h"]}, "value": "sum(W**2) + sum(b**2)"}
    found = started(land, init={"W": "fan_in", "b": {"kind": "point", "at": 1.0}}, record={"variables": ["loss"]})
    assert found.loss.dims == ("h", "seed", "step")
    assert plan(load_study(study(land, init={"W": "fan_in"}))).runs == 6


@pytest.mark.parametrize(
    ("init", "line"),
    [
        ({"W3": {"kind": "normal"}}, "init.W3: the landscape mlp has no variable 'W3' (known: W1, b1, W2, b2)"),
        ({"w1": {"kind": "normal"}}, "init.w1: the landscape mlp has no variable 'w1'; did you mean 'W1'? (known: W1, b1, W2, b2)"),
        ({"W1": {"kind": "normal", "sdt": 1}}, "init.W1.sdt: unknown key 'sdt'; did you mean 'std'? (allowed: kind, mean, std)"),
        ({"W1": {"kind": "normal", "std": -1}}, "init.W1.std: must be greater than or equal to 0, given -1"),
        ({"b1": "fan_in"}, "init.b1: fan_in draws matrices, and b1 is not one; use normal or point"),
        ({"b1": "orthogonal"}, "init.b1: orthogonal draws matrices, and b1 is not one; use normal or point"),
        ({"W1": "solution"}, "init: solution: the landscape mlp has no planted solution to start at"),
        (
            {"W1": {"kind": "file", "path": "x.npy"}},
            "init.W1: a file holds the starts of all variables together; give it as the `init` of the whole study",
        ),
        ({"b1": {"kind": "point", "at": [1, 2]}}, "init.b1.at: 2 components given, b1 has 5"),
        ({"b1": {"kind": "normal", "mean": [1]}}, "init.b1.mean: 1 components given, b1 has 5"),
        ({"W1": {"kind": "nrmal"}}, "init.W1: there is no init 'nrmal'; did you mean 'normal'? (known: "),
        ({"W1": "normal", "b1": 3}, "init.b1: must be a mapping with a `kind`, one of: "),
        ({"W1": "normal", "b1": {"W2": "normal"}}, "init.b1: must be a mapping with a `kind`, one of: "),
        ({"std": 1.0}, "init: must be a mapping with a `kind`, one of: "),
        ({}, "init: must be a mapping with a `kind`, one of: "),
        ({"kind": {"kind": "normal"}}, "init: must be a mapping with a `kind`, one of: "),
    ],
)
def test_wrong_starts_are_one_line(init, line):
    with pytest.raises(SpecError) as caught:
        load_study(study(init=init))
    (problem,) = caught.value.problems
    assert problem.startswith(f"study: {line}")
