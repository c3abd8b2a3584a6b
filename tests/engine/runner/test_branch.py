"""Branches go on from stored states with the bits of the study they left, and change what they were told to."""

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine.cli import app
from thalweg.engine.runner.branch import branched
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.registry import OPTIMIZERS
from typer.testing import CliRunner

MLP = {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [3]}
STUDY = {
    "name": "s",
    "landscape": "himmelblau",
    "noise": {"kind": "gaussian", "scale": 0.3},
    "optimizers": [{"kind": "adam", "lr": [0.01, 0.1], "average": "ema", "schedule": {"kind": "wsd", "decay": 0.5}}],
    "seeds": 5,
    "steps": 30,
    "record": {"every": 5, "state": [0, 12, 30]},
}
MLP_BLOCKS = ("W1", "b1", "W2", "b2")
OVER_TENSORS = {"landscape": MLP, "noise": {"kind": "minibatch", "size": 4}}


def assert_continues(whole, branch, at):
    for name in branch.children:
        expected, found = whole[name].sel(step=slice(at, None)), branch[name]
        for variable in set(found.data_vars) - {"state"}:
            np.testing.assert_array_equal(found[variable].values, expected[variable].values, err_msg=f"{name} {variable}")


@pytest.mark.full
@pytest.mark.parametrize("kind", few(["sgld", "muon", "radam"], keep=["radam"]))
def test_an_unchanged_branch_of_compiled_programs_too(kind, tmp_path):
    study = {**STUDY, **OVER_TENSORS, "optimizers": [{"kind": kind, "lr": [0.01, 0.1], "average": "polyak", "schedule": "cosine"}]}
    whole = thalweg.run(study, tmp_path / "a.zarr", executor="fused")
    assert_continues(whole, thalweg.run(branched(tmp_path / "a.zarr", 12), tmp_path / "b.zarr", executor="fused"), 12)


SOME = ["adagrad", "adam", "cbo", "curl_descent", "muon", "radam", "sgd", "sgld", "soap", "spherical_langevin"]
"""Rules of every family, for `make test`."""


@pytest.mark.parametrize("kind", few(OPTIMIZERS.kinds(), keep=SOME))
def test_an_unchanged_branch_has_the_same_bits(kind, tmp_path):
    fields = OPTIMIZERS.load(kind).example() if hasattr(OPTIMIZERS.load(kind), "example") else {}
    particles = "particles" in OPTIMIZERS.load(kind).model_fields
    landscape = {"kind": "rastrigin", "dim": 3} if particles else MLP
    init = {"kind": "uniform", "low": -3, "high": 3} if particles else None
    noise = {"kind": "none"} if particles else {"kind": "minibatch", "size": 4}
    study = {**STUDY, "landscape": landscape, "noise": noise, "optimizers": [{"kind": kind, **fields}], **({"init": init} if init else {})}
    try:
        whole = thalweg.run(study, tmp_path / "a.zarr", executor="array")
    except SpecError as error:  # rules with a landscape of their own
        pytest.skip(str(error))
    assert np.isfinite(whole[kind].state.values).all()  # laid out for as many numbers as there are
    branch = thalweg.run(branched(tmp_path / "a.zarr", 12), tmp_path / "b.zarr", executor="array")
    assert branch[kind].step.values[0] == 15
    assert_continues(whole, branch, 12)


@pytest.mark.parametrize(
    ("seeds", "changes", "executor"),
    few(
        [(seeds, changes, executor) for seeds, changes in ((5, {}), (70, {}), (3, OVER_TENSORS)) for executor in ("array", "fused")],
        keep=[(70, {}, "fused"), (3, OVER_TENSORS, "array")],
    ),
)
def test_both_executors(executor, seeds, changes, tmp_path):
    study = {**STUDY, "seeds": seeds, **changes}
    whole = thalweg.run(study, tmp_path / "a.zarr", executor=executor)
    branch = thalweg.run(branched(tmp_path / "a.zarr", 12), tmp_path / "b.zarr", executor=executor)
    assert_continues(whole, branch, 12)
    assert whole["adam"].state.dims == ("lr", "seed", "state_step", "number")
    np.testing.assert_array_equal(branch["adam"].state.values, whole["adam"].state.values[:, :, 1:])
    there = thalweg.run({**study, "record": {"at": [12]}}, executor=executor)["adam"].sel(step=12)
    names = ["params"] if "params" in there else [f"params_{block}" for block in MLP_BLOCKS]
    params = np.concatenate([there[name].values.reshape(2, seeds, -1) for name in names], axis=-1)
    np.testing.assert_allclose(whole["adam"].state.sel(state_step=12).values[..., : params.shape[-1]], params, rtol=0, atol=1e-12)


def test_states_may_be_those_of_either_executor(tmp_path):
    for executor in ("array", "fused"):
        thalweg.run(STUDY, tmp_path / f"{executor}.zarr", executor=executor)
    found = [thalweg.run(branched(tmp_path / f"{name}.zarr", 12), executor="fused")["adam"] for name in ("array", "fused")]
    np.testing.assert_allclose(found[0].loss, found[1].loss, rtol=1e-9)


def test_a_changed_setting_changes_what_follows_and_only_that(tmp_path):
    whole = thalweg.run(STUDY, tmp_path / "a.zarr")
    study = branched(tmp_path / "a.zarr", 12, ["adam.schedule.kind=constant", "adam.beta1=[0.0,0.9]", "steps=40"])
    branch = thalweg.run(study)["adam"]
    assert dict(branch.sizes)["beta1"] == 2
    assert branch.step.values.tolist() == [15, 20, 25, 30, 35, 40]
    # what WSD does differently begins at step 15: until then the branch with the old beta1 is the old run
    np.testing.assert_array_equal(branch.params.sel(beta1=0.9, step=15), whole["adam"].params.sel(step=15))
    assert not np.allclose(branch.params.sel(beta1=0.9, step=20), whole["adam"].params.sel(step=20))
    assert not np.allclose(branch.params.sel(beta1=0.0, step=15), whole["adam"].params.sel(step=15))


def test_one_value_of_a_sweep_goes_on_alone(tmp_path):
    whole = thalweg.run(STUDY, tmp_path / "a.zarr")
    branch = thalweg.run(branched(tmp_path / "a.zarr", 12, ["adam.lr=0.1", "seeds=3"]))["adam"]
    np.testing.assert_array_equal(branch.loss, whole["adam"].loss.sel(lr=0.1, seed=slice(0, 2), step=slice(12, None)))
    with pytest.raises(SpecError, match=r"lr=0\.2: .* has no such runs"):
        thalweg.run(branched(tmp_path / "a.zarr", 12, ["adam.lr=0.2"]))


def test_runs_that_ended_before_stay_ended(tmp_path):
    study = {**STUDY, "landscape": "rosenbrock", "optimizers": [{"kind": "sgd", "lr": [1e-4, 0.5]}], "record": {"every": 5, "state": [12]}}
    whole = thalweg.run(study, tmp_path / "a.zarr")
    assert set(whole["sgd"].status.values[1]) == {2}
    branch = thalweg.run(branched(tmp_path / "a.zarr", 12))
    assert_continues(whole, branch, 12)


def test_what_a_branch_cannot_begin_with(tmp_path):
    thalweg.run(STUDY, tmp_path / "a.zarr")
    thalweg.run({**STUDY, "record": {"every": 5}}, tmp_path / "none.zarr")
    for store, at, settings, kind, message in [
        ("a", 13, [], StoreError, "no states of step 13 .it has 0, 12, 30"),
        ("none", 12, [], StoreError, "record them with: record: {state: .12"),
        ("a", 12, ["seeds=6"], SpecError, "states of 5"),
        ("a", 12, ["adam.average=null"], SpecError, "a state has 6 numbers here and 8"),
        ("a", 12, ["precision=float32"], SpecError, "adam in float64"),
        ("a", 12, ["adam.label=other"], StoreError, "no group other to branch from"),
        ("a", 30, [], SpecError, "no step is left after step 30"),
        ("missing", 12, [], StoreError, "there is no such store"),
    ]:
        with pytest.raises(kind, match=message):
            thalweg.run(branched(tmp_path / f"{store}.zarr", at, settings))
    with pytest.raises(SpecError, match="where only statistics are stored, states of runs cannot be"):
        thalweg.run({**STUDY, "record": {"state": [3], "stats": ["mean"]}})
    with pytest.raises(SpecError, match="step 31 lies beyond"):
        thalweg.run({**STUDY, "record": {"state": [31]}})


def test_the_command_and_resume(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thalweg.run(STUDY, "a.zarr")
    shown = CliRunner().invoke(app, ["branch", "a.zarr", "--at", "12", "--set", "adam.schedule=cosine"])
    assert shown.exit_code == 0
    assert "stored s_at12.zarr" in shown.output
    assert CliRunner().invoke(app, ["run", "s_at12.zarr", "--resume", "-q"]).exit_code == 0
    assert CliRunner().invoke(app, ["check", "s_at12.zarr"]).exit_code == 0


def test_a_fork_is_drawn(tmp_path):
    from thalweg.engine.plot import fork, plot
    from thalweg.engine.plot._picture import Options, Picture
    from thalweg.engine.plot._theme import theme

    whole = thalweg.run(STUDY, tmp_path / "a.zarr")
    thalweg.run(branched(tmp_path / "a.zarr", 12, ["adam.beta1=[0.0,0.9]"]), tmp_path / "b.zarr")
    axes = fork.draw(Picture(tmp_path / "b.zarr", theme("light"), Options())).axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) > 1 and line.get_xdata()[0] != line.get_xdata()[-1]]
    old, left, new = (line.get_xdata().tolist() for line in lines)
    assert (old, left, new) == ([0, 5, 10], [15, 20, 25, 30], [15, 20, 25, 30])
    assert lines[1].get_ydata()[-1] in whole["adam"].loss.isel(seed=[1, 3]).median("seed").isel(step=-1).values  # the odd seeds report
    assert plot(tmp_path / "b.zarr", "fork", tmp_path / "fork.png").stat().st_size > 5000
    with pytest.raises(SpecError, match="fork needs a branch"):
        plot(tmp_path / "a.zarr", "fork", tmp_path / "x.png")
