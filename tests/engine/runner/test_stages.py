"""Studies of stages run into one store: forks have the bits of the trunk, other noise parts them, parameters of other stages are the numbers that
are stored, and what was cut off is finished to the same store."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine.api import verify_study
from thalweg.engine.cli import app
from thalweg.engine.store.integrity import examine
from thalweg.specs.errors import SpecError, StoreError
from typer.testing import CliRunner

LAND = {
    "kind": "expression",
    "data": {"builtin": "blobs"},
    "sizes": {"h": 3},
    "variables": {"W": ["p", "h"], "V": ["h", "classes"]},
    "define": {"net(x)": "tanh(x @ W) @ V"},
    "value": "mean(cross_entropy(net(X), y))",
}
COMMON = {
    "name": "common",
    "landscape": LAND,
    "noise": {"kind": "minibatch", "size": 8},
    "optimizers": [{"kind": "sgd", "lr": [0.05, 0.1], "momentum": 0.9}],
    "steps": 20,
    "seeds": 3,
    "record": {"every": 4, "state": [0, 8, 12]},
}
FORK = {"name": "fork", "from": "common", "at": [0, 8, 12], "steps": 32}


def program(*stages, **fields):
    return {"name": "forks", "stages": [COMMON, *stages], **fields}


@pytest.mark.parametrize(
    ("kind", "executor"), few([("sgd", "array"), ("sgld", "fused"), ("muon", "array")], keep=[("sgd", "array"), ("muon", "array")])
)
def test_a_fork_with_unchanged_settings_has_the_bits_of_the_trunk(kind, executor, tmp_path):
    """Also where it begins between two records, and its records share a chunk with others."""
    optimizer = {"kind": kind, "lr": [0.05, 0.1], "average": "polyak"}
    trunk = {**COMMON, "optimizers": [optimizer], "record": {"every": 3, "state": [0, 8, 12]}}
    tree = thalweg.run({"name": "f", "stages": [trunk, {**FORK, "steps": 20}]}, tmp_path / "f.zarr", executor=executor)
    common, fork = tree[f"common/{kind}"], tree[f"fork/{kind}"]
    assert fork.loss.dims == ("at", "lr", "seed", "step")
    for at in (0, 8, 12):
        after = common.step.values >= at
        for name in set(fork.data_vars) - {"status", "last_step"}:
            found = fork[name].sel(at=at)
            np.testing.assert_array_equal(found.isel(step=after).values, common[name].isel(step=after).values)
            assert np.isnan(found.isel(step=~after).values).all()
    assert examine(tmp_path / "f.zarr" / "fork", False)[0].damaged == []


@pytest.mark.parametrize("executor", ["array", "fused"])
def test_a_fork_with_other_noise_shares_the_start_and_nothing_after(executor):
    tree = thalweg.run(program({**FORK, "noise_seed": [1, 2]}), executor=executor)
    fork, common = tree["fork/sgd"], tree["common/sgd"]
    for at in (0, 8, 12):
        one, other = (fork.params_W.sel(at=at, noise_seed=k) for k in (1, 2))
        for each in (one, other):
            np.testing.assert_array_equal(each.sel(step=at).values, common.params_W.sel(step=at).values)
        later = slice(at + 4, None)
        assert (one.sel(step=later) != other.sel(step=later)).all()
        assert (one.sel(step=slice(at + 4, 20)) != common.params_W.sel(step=slice(at + 4, 20))).all()


def test_a_noise_seed_of_a_plain_study_changes_the_noise_alone():
    study = {key: value for key, value in COMMON.items() if key != "record"}
    tree = thalweg.run({**study, "noise_seed": [0, 1]})["sgd"]
    start, end = (tree.loss.isel(step=k) for k in (0, -1))
    assert (start.sel(noise_seed=0) == start.sel(noise_seed=1)).all()
    assert (end.sel(noise_seed=0) != end.sel(noise_seed=1)).all()
    assert (thalweg.run(study)["sgd"].loss.isel(step=0) == start.sel(noise_seed=0)).all()


def test_forks_of_forks_begin_where_each_fork_ended():
    tree = thalweg.run(program({**FORK, "noise_seed": [1, 2]}, {"name": "more", "from": "fork", "noise_seed": 5, "steps": 40}))
    fork, more = tree["fork/sgd"], tree["more/sgd"]
    assert more.loss.dims == ("fork_at", "fork_noise_seed", "lr", "seed", "step")
    np.testing.assert_array_equal(more.params_V.sel(step=32).values, fork.params_V.sel(step=32).values)


def test_what_takes_parameters_of_forks_has_their_dimensions():
    trunk = {**COMMON, "init": {"kind": "normal", "std": [0.5, 1]}, "optimizers": [{"kind": "sgd", "lr": 0.05}]}
    again = {"name": "again", "from": "fork", "keep": "params", "noise_seed": 3, "steps": 4}
    mix = {"name": "mix", "from": "again", "keep": "params", "at": [0, 4], "steps": 2}
    tree = thalweg.run(
        {
            "name": "f",
            "stages": [
                trunk,
                {**FORK, "noise_seed": [1, 2]},
                again,
                mix,
                {"name": "on", "from": "mix", "steps": 3, "record": {"every": 1}},
            ],
        }
    )
    fork, again, mix, on = (tree[f"{name}/sgd"].params_W for name in ("fork", "again", "mix", "on"))
    assert again.dims[:4] == ("fork_at", "fork_noise_seed", "fork_std", "seed")
    assert mix.dims[:2] == on.dims[:2] == ("at", "fork_at")
    np.testing.assert_array_equal(again.isel(step=0).values, fork.isel(step=-1).values)
    np.testing.assert_array_equal(mix.isel(step=0).values[1], again.isel(step=-1).values)
    np.testing.assert_array_equal(on.isel(step=0).values, mix.isel(step=-1).values)


@pytest.mark.parametrize("executor", ["array", "auto"])
def test_statistics_of_forks_are_those_of_their_runs(executor):
    whole = thalweg.run(program(FORK), executor=executor)["fork/sgd"]
    stats = thalweg.run(program({**FORK, "record": {"every": 4, "stats": ["mean"]}}), executor=executor)["fork/sgd"]
    np.testing.assert_allclose(stats.loss_mean.values, whole.loss.mean("seed").values, rtol=1e-12)
    assert (stats["count"].values == np.where(np.isnan(whole.loss.values).all(-2), 0, 3)).all()


@pytest.mark.parametrize(("executor", "precision"), [("array", "float64"), ("fused", "float32")])
def test_parameters_of_another_stage_in_a_formula_are_the_very_numbers_stored(executor, precision):
    trunk = {**COMMON, "optimizers": [{"kind": "sgd", "lr": 0.05}], "precision": precision}
    seen = {
        "name": "seen",
        "landscape": {**LAND, "value": "sum(W**2) + sum(V**2)", "observables": {"a": "W_0[1, 2]", "b": "V_0[0, 0]", "c": "sum(W_8)"}},
        "optimizers": [{"kind": "sgd", "lr": 0.05}],
        "uses": {"W_0": "common.W", "V_0": {"of": "common.sgd.V", "seed": 1}, "W_8": {"of": "common.W", "at": 8}},
        "steps": 2,
        "seeds": 3,
        "precision": precision,
    }
    tree = thalweg.run({"name": "f", "stages": [trunk, seen]}, executor=executor)
    common, found = tree["common/sgd"], tree["seen/sgd"]
    np.testing.assert_array_equal(found.a.isel(step=0).values, common.params_W.isel(step=-1).values[:, 1, 2])
    np.testing.assert_array_equal(found.b.isel(step=0).values, np.full(3, common.params_V.isel(step=-1, seed=1).values[0, 0]))
    np.testing.assert_allclose(found.c.isel(step=0).values, common.params_W.sel(step=8).values.sum((-2, -1)), rtol=1e-6)


def test_parameters_of_swept_runs_meet_the_same_points():
    """On the array executor: in compiled programs all points of a sweep share arrays."""
    seen = {
        "name": "seen",
        "from": "common",
        "keep": "params",
        "uses": {"W_0": "common.W"},
        "set": {"landscape.value": "sum((W - W_0)**2)"},
        "steps": 1,
    }
    found = thalweg.run(program(seen))["seen/sgd"]
    assert (found.loss == 0).all()


@pytest.mark.parametrize("executor", ["array", "fused"])
def test_parameters_alone_with_a_fresh_optimizer(executor):
    tree = thalweg.run(program({"name": "again", "from": "common", "keep": "params", "at": [8, 20], "steps": 4}), executor=executor)
    again, common = tree["again/sgd"], tree["common/sgd"]
    assert again.loss.dims == ("at", "lr", "seed", "step")
    assert again.step.values[0] == 0
    np.testing.assert_array_equal(again.params_W.isel(step=0).values, common.params_W.sel(step=[8, 20]).transpose("step", ...).values)


def test_a_mix_is_the_weighted_sum():
    mix = {"kind": "mix", "of": ["common", "again", "fresh"], "weights": ["1 - a", "a", 0.5], "parameters": {"a": [0, 0.25, 1]}}
    again = {"name": "again", "from": "common", "keep": "params", "noise": {"kind": "minibatch", "size": 4}, "steps": 7}
    mixed = {**{key: value for key, value in COMMON.items() if key != "record"}, "name": "mixed", "init": mix, "steps": 1}
    tree = thalweg.run(program(again, mixed))
    a, b = (tree[f"{name}/sgd"].params_W.isel(step=-1).drop_vars("step") for name in ("common", "again"))
    fresh = tree["common/sgd"].params_W.isel(step=0).drop_vars("step")
    found = tree["mixed/sgd"].params_W.isel(step=0).drop_vars("step")
    expected = (1 - found.a) * a + found.a * b + 0.5 * fresh
    np.testing.assert_allclose(found.values, expected.transpose(*found.dims).values, rtol=1e-14)


def test_other_rows_of_the_data():
    rows = {"name": "retain", "from": "common", "at": 12, "set": {"landscape.data.rows": "y != 1"}, "steps": 32}
    tree = thalweg.run(program(rows))
    assert (tree["retain/sgd"].loss.sel(step=12) != tree["common/sgd"].loss.sel(step=12)).all()
    np.testing.assert_array_equal(tree["retain/sgd"].params_W.sel(step=12).values, tree["common/sgd"].params_W.sel(step=12).values)


def test_claims_within_a_stage_and_across_stages(tmp_path):
    claims = [
        {"name": "in one", "stage": "fork", "measure": "mean(final(loss), 'seed')", "less_than": 2.0},
        {
            "name": "the fork goes on",
            "measure": "mean(max(abs(at(fork.loss, 12) - at(common.loss, 12)), 'at'), 'seed')",
            "expected": 0,
            "atol": 1e-12,
        },
    ]
    study, verdicts = verify_study(_written(tmp_path, program(FORK, claims=claims)), out=tmp_path / "f.zarr")
    assert [v.verdict for v in verdicts] == ["passed", "passed"]
    assert study.name == "forks"
    assert [v.verdict for v in verify_study(tmp_path / "f.zarr")[1]] == ["passed", "passed"]
    seeds = [{"name": "seeds", "measure": "mean(final(fork.loss) - final(common.loss), 'seed')", "less_than": 9}]
    with pytest.raises(SpecError, match="claim 'seeds': joins stages with different numbers of seeds"):
        verify_study(_written(tmp_path, program({**FORK, "seeds": 2}, claims=seeds)))


def _written(folder: Path, data) -> Path:
    from ruamel.yaml import YAML

    with (folder / "forks.yaml").open("w") as file:
        YAML(typ="safe").dump(data, file)
    return folder / "forks.yaml"


def test_a_store_of_stages_may_be_moved_resumed_checked_and_replaced(tmp_path):
    path, out, cli = _written(tmp_path, program(FORK)), tmp_path / "a.zarr", CliRunner()
    assert cli.invoke(app, ["run", str(path), "-o", str(out), "--stage", "common", "-q"]).exit_code == 0
    assert not thalweg.open_run(out).attrs["complete"]
    shutil.move(out, tmp_path / "b.zarr")
    assert cli.invoke(app, ["run", str(tmp_path / "b.zarr"), "--resume", "-q"]).exit_code == 0
    tree = thalweg.open_run(tmp_path / "b.zarr")
    assert tree.attrs["complete"]
    assert [*tree.children] == ["common", "fork"]
    checked = cli.invoke(app, ["check", str(tmp_path / "b.zarr")])
    assert checked.exit_code == 0
    assert "fork/sgd" in checked.output
    again = cli.invoke(app, ["run", str(path), "-o", str(tmp_path / "b.zarr"), "-q"])
    assert "exists already" in str(again.exception)
    other = _written(tmp_path, program({**FORK, "name": "other"}))
    with pytest.raises(StoreError, match="holds other stages: common, fork, and not common, other"):
        thalweg.run(other, tmp_path / "b.zarr", resume=True)
    (tmp_path / "b.zarr" / "fork" / "mine.txt").write_text("kept")
    thalweg.run(other, tmp_path / "b.zarr", overwrite=True)
    assert sorted(p.name for p in (tmp_path / "b.zarr").iterdir()) == ["common", "fork", "other", "zarr.json"]
    assert [p.name for p in (tmp_path / "b.zarr" / "fork").rglob("*") if p.is_file()] == ["mine.txt"]


def test_check_shows_the_stages_as_a_tree(tmp_path):
    path = _written(tmp_path, program({**FORK, "noise_seed": [1, 2]}, {"name": "more", "from": "fork", "steps": 40}))
    said = CliRunner().invoke(app, ["check", str(path)]).output
    assert "fork from common at 0, 8, 12" in said
    assert "more from fork at 32" in said
    assert "at 3 x noise_seed 2 x lr 2 x seed 3 = 36 runs to step 32" in said


def test_one_study_is_needed_where_a_store_has_stages(tmp_path):
    thalweg.run(program(FORK), tmp_path / "a.zarr")
    said = CliRunner().invoke(app, ["branch", str(tmp_path / "a.zarr"), "--at", "12"])
    assert "has stages, each of which is a store; name one" in str(said.exception)
    assert thalweg.open_run(tmp_path / "a.zarr" / "fork")["sgd"].sizes["at"] == 3


def files_of(store: Path) -> dict[str, bytes]:
    return {str(p.relative_to(store)): p.read_bytes() for p in sorted(store.rglob("*")) if p.is_file() and p.name != "zarr.json"}


@pytest.mark.full
def test_workers_make_the_same_stages_and_probes(tmp_path):
    path = _written(tmp_path, program({**FORK, "noise_seed": [1, 2]}, probes=[{"kind": "spectrum", "stage": "fork"}]))
    ran = CliRunner().invoke(app, ["run", str(path), "-o", str(tmp_path / "a.zarr"), "--workers", "2", "-q"])
    assert ran.exit_code == 0, ran.output
    thalweg.run(path, tmp_path / "b.zarr")
    assert files_of(tmp_path / "a.zarr") == files_of(tmp_path / "b.zarr")


KILLED = """
import sys, thalweg
from thalweg.specs.stages import Stages
thalweg.run(sys.argv[1], sys.argv[2], resume=True, executor="array")
"""


@pytest.mark.full
def test_what_was_killed_is_finished_to_an_identical_store(tmp_path):
    """kill -9 at 20 moments, between stages and in probes too."""
    stages = program(
        {**FORK, "noise_seed": [1, 2]},
        {"name": "more", "from": "fork", "steps": 40},
        probes=[{"kind": "spectrum", "stage": "fork", "at": "all"}],
    )
    path = _written(tmp_path, stages)
    began = time.perf_counter()
    thalweg.run(path, tmp_path / "whole.zarr", executor="array")
    took, whole = time.perf_counter() - began, files_of(tmp_path / "whole.zarr")
    rng = np.random.default_rng(0)
    for k in range(20):
        out = tmp_path / f"{k}.zarr"
        for _ in range(3):
            process = subprocess.Popen([sys.executable, "-c", KILLED, str(path), str(out)], env=os.environ)
            time.sleep(1.5 + rng.uniform(0, took))
            process.send_signal(signal.SIGKILL)
            process.wait()
        thalweg.run(path, out, resume=True, executor="array")
        assert files_of(out) == whole
        shutil.rmtree(out)
