"""The tree of stages: every fork at its step with its own numbers, one set of hyperparameters, a colour a stage; what is refused."""

import matplotlib as mpl
import numpy as np
import pytest
import thalweg
from thalweg.engine.cli import app
from thalweg.engine.plot import PICTURES
from thalweg.engine.plot._picture import Options
from thalweg.engine.plot._theme import THEMES
from thalweg.engine.plot.stages import StagedPicture
from thalweg.specs.errors import SpecError, StoreError
from typer.testing import CliRunner

COMMON = {
    "name": "common",
    "landscape": {"kind": "expression", "variables": ["x", "y"], "value": "(x**2 + 5*y**2)/2", "observables": {"left": "x"}},
    "init": {"kind": "point", "at": 1.0},
    "noise": {"kind": "gaussian", "scale": 0.3},
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1]}],
    "steps": 20,
    "seeds": 4,
    "record": {"every": 2, "state": [4, 10]},
}
STUDY = {
    "name": "tree",
    "title": "A tree",
    "stages": [
        COMMON,
        {"name": "fork", "from": "common", "at": [4, 10], "noise_seed": [1, 2], "steps": 30},
        {"name": "quiet", "from": "common", "set": {"noise.scale": 0.0}, "steps": 30, "record": {"every": 2, "state": [30]}},
        {"name": "anew", "from": "common", "keep": "params", "at": [4, 20], "steps": 8},
        {"name": "cool", "from": "quiet", "repeat": 3, "set": {"noise.scale": "10**-k"}, "steps": 4},
    ],
}


@pytest.fixture(scope="module")
def tree():
    return thalweg.run(STUDY)


def drawn(tree, theme="light", **options):
    with mpl.rc_context(THEMES[theme].settings()):
        figure = PICTURES.load("stages").draw(StagedPicture(tree, THEMES[theme], Options(**options)))
    (axes,) = figure.axes
    return axes, {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}, figure


def test_every_fork_has_its_own_numbers_from_its_step_on(tree):
    axes, lines, figure = drawn(tree)
    common, fork, anew = (tree[f"{name}/sgd"].to_dataset() for name in ("common", "fork", "anew"))
    even = common.isel(seed=[0, 2], step=-1).loss.median("seed")
    lr = float(even.lr[int(np.argmin(even.values))])
    odd = {"seed": [1, 3]}
    np.testing.assert_allclose(lines["common"].get_ydata(), common.sel(lr=lr).isel(odd).loss.median("seed"), rtol=1e-12)
    for at in (4, 10):
        for k in (1, 2):
            line, own = lines[f"fork at={at}, noise_seed={k}"], fork.sel(at=at, noise_seed=k, lr=lr).isel(odd)
            np.testing.assert_array_equal(line.get_xdata(), own.step[own.step >= at])
            np.testing.assert_allclose(line.get_ydata(), own.loss.sel(step=slice(at, None)).median("seed"), rtol=1e-12)
            assert line.get_ydata()[0] == lines["common"].get_ydata()[at // 2]
    for at in (4, 20):
        line, own = lines[f"anew at={at}"], anew.sel(at=at, lr=lr).isel(odd)
        np.testing.assert_array_equal(line.get_xdata(), own.step + at)
        np.testing.assert_allclose(line.get_ydata(), own.loss.median("seed"), rtol=1e-12)
    assert axes.get_title(loc="left") == "Loss of the stages"
    assert axes.get_ylabel() == "noiseless loss\nmedian and 25-75 % of 2 seeds"
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "fork: from common at 4, 10; 2 seeds of noise" in words
    assert "cool_0 to cool_2: from quiet, one from the other" in words


def test_repetitions_share_a_colour_and_stages_do_not(tree):
    _, lines, _ = drawn(tree)
    colours = {label.split()[0]: line.get_color() for label, line in lines.items()}
    assert colours["cool_0"] == colours["cool_1"] == colours["cool_2"]
    assert len(set(colours.values())) == 5
    assert [lines[f"cool_{k}"].get_xdata()[0] for k in range(3)] == [30, 34, 38]


def test_values_held_fields_and_optimizers(tree):
    axes, lines, _ = drawn(tree, value="left", at={"lr": 0.01, "at": 4.0})
    assert {label for label in lines if label.startswith("fork")} == {"fork noise_seed=1", "fork noise_seed=2"}
    wanted = tree["fork/sgd"].to_dataset().sel(at=4, noise_seed=2, lr=0.01).left.sel(step=slice(4, None)).median("seed")
    np.testing.assert_allclose(lines["fork noise_seed=2"].get_ydata(), wanted, rtol=1e-12)
    assert axes.get_title(loc="left") == "left of the stages"


def test_the_default_of_a_store_of_stages_in_both_themes(tree, tmp_path):
    for theme in THEMES:
        made = thalweg.plot(tree, out=tmp_path / "x.svg", theme=theme).read_text()
        assert THEMES[theme].paper in made
        assert "A tree" in made


def test_what_does_not_fit_is_one_line(tree, tmp_path):
    thalweg.run({**STUDY, "stages": STUDY["stages"][:2]}, tmp_path / "a.zarr")
    said = CliRunner().invoke(app, ["plot", str(tmp_path / "a.zarr"), "loss"]).exception
    assert f"loss draws one stage, and the store has several; name one: {tmp_path}/a.zarr/common, {tmp_path}/a.zarr/fork, or" in str(said)
    assert CliRunner().invoke(app, ["plot", str(tmp_path / "a.zarr")]).exit_code == 0
    assert (tmp_path / "a.png").exists()
    for options, words in (
        ({"kind": "stages", "value": "lost"}, "nothing called 'lost'"),
        ({"kind": "stages", "at": {"lrr": 1.0}}, "at lrr: is not swept; did you mean 'lr'"),
        ({"kind": "stages", "groups": ["sgdd"]}, "no group 'sgdd'; did you mean 'sgd'"),
        ({"kind": "stages", "x": "lr"}, "stages takes no x"),
        ({"out": tmp_path / "x.gif"}, "end the name of stages in .png"),
    ):
        with pytest.raises(SpecError, match=words):
            thalweg.plot(tree, **{"out": tmp_path / "x.png", **options})
    with pytest.raises(SpecError, match="stages draws a study of stages, and this store has no stages; choose loss"):
        thalweg.plot(tree["fork"], "stages", tmp_path / "x.png")
    with pytest.raises(StoreError, match="there is no such store"):
        thalweg.plot(tmp_path / "none.zarr", out=tmp_path / "x.png")
