"""What people see in the terminal: progress with curves, starter studies, what comes next."""

import io

import numpy as np
import pytest
import thalweg
from rich.console import Console
from thalweg.engine.cli import app
from thalweg.engine.commands._options import bundled, studies
from thalweg.engine.runner.progress_bars import CURVE, Live, sparkline
from thalweg.specs.load import gallery
from typer.testing import CliRunner

STUDY = {
    "name": "s",
    "landscape": "quadratic",
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1]}, "adam"],
    "init": {"kind": "point", "at": 3.0},
    "seeds": 3,
    "steps": 200,
    "record": {"every": 2},
}


def test_progress_counts_all_steps_and_draws_the_best_curve():
    shown = io.StringIO()
    live = Live(thalweg.check(STUDY), Console(file=shown, force_terminal=True, width=120))
    tree = thalweg.run(STUDY, progress=live, executor="array")
    with live.bars:
        live.bars.refresh()
    done = {task.description: (task.completed, task.total) for task in live.bars.tasks}
    assert done == {"sgd": (1200, 1200), "adam": (600, 600)}
    assert live.seconds["sgd"] > 0
    best = tree["sgd"].loss.median("seed").min("lr")
    assert live.curves["sgd"][CURVE - 1] == pytest.approx(best.isel(step=-1).item())
    assert live.curves["sgd"][0] >= best.sel(step=slice(0, 200 // CURVE)).min().item()
    assert "M steps/s" in shown.getvalue()
    assert "█" in shown.getvalue()


def test_losses_that_are_no_numbers_leave_gaps():
    live = Live(thalweg.check(STUDY), Console(file=io.StringIO()))
    loss = np.full((2, 3, 4), np.nan)
    loss[1, :, 2] = [1.0, 2.0, np.inf]
    live.recorded("sgd", np.array([0, 50, 100, 150]), {"loss": loss})
    assert np.flatnonzero(np.isfinite(live.curves["sgd"])).tolist() == [100 * CURVE // 201]
    live.recorded("sgd", np.array([0]), {"params": loss})


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([1.0, 1.0], "▁▁"), ([-1.0, 0.0, 1.0], "▁▅█"), ([np.nan, 2.0], " ▁"), ([np.nan], " "), ([1e-300, 1.0, 1e300], "▁▅█")],
)
def test_sparklines(values, drawn):
    assert sparkline(values) == drawn


def test_a_starter_study_runs_and_its_claim_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert "next: thalweg check mine.yaml" in runner.invoke(app, ["new", "mine"]).output
    shown = runner.invoke(app, ["check", "mine.yaml"])
    assert "mine" in shown.output
    assert "next: thalweg run mine.yaml" in shown.output
    shown = runner.invoke(app, ["verify", "mine.yaml"])
    assert shown.exit_code == 0, shown.output
    assert "next: thalweg run mine.yaml" in shown.output
    assert "next: thalweg verify mine.yaml" in runner.invoke(app, ["verify", "mine.yaml", "--quick"]).output
    assert runner.invoke(app, ["new", "mine"]).exit_code != 0
    assert runner.invoke(app, ["new", "../mine"]).exit_code != 0
    assert runner.invoke(app, ["new", "bad name"]).exit_code != 0
    assert not (tmp_path / "bad name.yaml").exists()


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_starter_network_runs_unchanged_and_its_claim_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert "next: thalweg check mine.yaml" in runner.invoke(app, ["new", "mine", "--network"]).output
    shown = runner.invoke(app, ["check", "mine.yaml"])
    assert "adam: h 2 x lr 2 x seed 8" in shown.output
    assert runner.invoke(app, ["run", "mine.yaml", "--quiet"]).exit_code == 0
    accuracy = thalweg.open_run("mine.zarr")["muon"].test_accuracy
    assert {"h", "lr", "seed", "step"} == set(accuracy.sizes)
    assert float(accuracy.isel(step=-1).min()) > 0.9
    shown = runner.invoke(app, ["verify", "mine.zarr"])
    assert shown.exit_code == 0, shown.output
    refused = runner.invoke(app, ["new", "other", "--network", "--like", "river_valley"])
    assert "give one" in str(refused.exception)
    assert not (tmp_path / "other.yaml").exists()


def test_a_copy_of_a_bundled_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["new", "mine", "--like", "river_valley"]).exit_code == 0
    assert thalweg.load_study("mine.yaml").model_dump(exclude={"name"}) == thalweg.load_study("river_valley").model_dump(exclude={"name"})
    assert "did you mean" in str(CliRunner().invoke(app, ["new", "other", "--like", "river_vale"]).exception)


def test_completion_offers_bundled_studies_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "river_mine.yaml").touch()
    assert bundled("") == [*gallery()]
    assert studies("river_m") == [*bundled("river_m"), "river_mine.yaml"]
