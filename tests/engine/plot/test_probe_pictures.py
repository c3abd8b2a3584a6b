"""Pictures of what probes stored: that they show those numbers, at the best points, and what is refused."""

import matplotlib as mpl
import numpy as np
import pytest
import thalweg
from thalweg.engine.plot import PICTURES
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES
from thalweg.specs.errors import SpecError

NET = {
    "name": "net",
    "landscape": {
        "kind": "expression",
        "data": {"builtin": "blobs", "test_fraction": 0.25},
        "variables": {"W1": ["p", 4], "W2": [4, "classes"]},
        "parameters": {"scale": [1.0, 0.5]},
        "define": {"hidden(x)": "tanh(scale * (x @ W1))"},
        "value": "mean(cross_entropy(hidden(X) @ W2, y))",
    },
    "optimizers": [{"kind": "sgd", "lr": [1e-6, 0.5]}, {"kind": "adam", "lr": 0.05}],
    "seeds": 4,
    "steps": 20,
    "record": {"every": 5},
    "probes": [
        {"kind": "plane", "axes": "pca", "size": 5},
        {"kind": "plane", "name": "second", "groups": ["adam"], "normalize": "filter", "at": [0, 20], "size": 4},
        {"kind": "features", "features": "hidden(X)", "measure": ["effective_rank", "collapse"], "at": "all"},
        {"kind": "kernel", "features": "hidden(X) @ W2", "at": [0, 10, 20], "groups": ["sgd"]},
        {"kind": "spectrum", "at": "all", "groups": ["sgd"]},
    ],
}


@pytest.fixture(scope="module")
def tree():
    return thalweg.run(NET, executor="array")


def drawn(tree, kind, theme="light", **options):
    with mpl.rc_context(THEMES[theme].settings()):
        figure = PICTURES.load(kind).draw(Picture(tree, THEMES[theme], Options(**options)))
        figure.canvas.draw()
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def test_a_plane_has_the_stored_loss_and_trajectory_of_the_best_point(tree):
    panels = drawn(tree, "plane")
    assert [axes.get_title(loc="left") for axes in panels] == ["sgd, step 20", "adam, step 20"]
    stored = tree["sgd/probe/plane"].isel(scale=0, lr=1, seed=0, probe_step=0)
    (path,) = [line.get_xydata() for line in panels[0].get_lines() if len(line.get_xdata()) == 5]
    np.testing.assert_array_equal(path, stored.trajectory.values)
    assert panels[0].get_xlim() == (-1.25, 1.25)
    share = 100 * float(stored.explained[0])
    assert panels[0].get_xlabel() == f"principal direction 1 ({share:.3g} % of the variance)"
    levels = panels[0].collections[0].levels
    assert levels[-1] >= float(stored.loss.max()) - float(stored.loss.min())


def test_of_one_optimizer_every_step_looked_at_has_a_plane(tree):
    panels = drawn(tree, "plane", theme="dark", value="second")
    assert [axes.get_title(loc="left") for axes in panels] == ["adam, step 0", "adam, step 20"]
    assert panels[1].get_ylabel() == "random direction 2 (normalised by filter)"


def test_measures_are_medians_of_the_seeds_that_report(tree):
    panels = drawn(tree, "features", value="kernel.change,features.rankme")
    assert [axes.get_title(loc="left") for axes in panels] == ["kernel: change", "features: rankme"]
    (line,) = panels[0].get_lines()
    change = tree["sgd/probe/kernel"].change.isel(scale=0, lr=1).values[1::2]
    np.testing.assert_allclose(line.get_ydata(), np.median(change, axis=0))
    assert line.get_xdata().tolist() == [0, 10, 20]
    of_sgd, of_adam = (line.get_ydata() for line in panels[1].get_lines())
    np.testing.assert_allclose(of_adam, np.median(tree["adam/probe/features"].rankme.isel(scale=0).values, axis=0))
    assert len(of_sgd) == 5
    held = drawn(tree, "features", value="features.rankme", at={"scale": 0.5}, groups=["adam"])
    (line,) = held[0].get_lines()
    np.testing.assert_allclose(line.get_ydata(), np.median(tree["adam/probe/features"].rankme.isel(scale=1).values, axis=0))


def test_by_default_all_measures_are_drawn_in_their_order(tree):
    titles = [axes.get_title(loc="left") for axes in drawn(tree, "features")]
    assert titles[:3] == ["features: rankme", "features: effective rank", "features: nc1"]
    assert titles[-4:] == ["kernel: condition", "kernel: change", "kernel: distance", "kernel: alignment"]
    assert len(titles) == 2 + 4 + 4
    (axes,) = drawn(tree, "features", value="spectrum.trace")
    np.testing.assert_allclose(
        axes.get_lines()[0].get_ydata(), np.median(tree["sgd/probe/spectrum"].trace.isel(scale=0, lr=1).values[1::2], axis=0)
    )


def test_a_plane_of_a_run_that_diverged_says_so(tmp_path):
    study = {
        "name": "lost",
        "landscape": {"kind": "quadratic", "dim": 3},
        "init": {"kind": "point", "at": 1.0},
        "optimizers": [{"kind": "sgd", "lr": 1e200}],
        "steps": 10,
        "record": {"every": 2},
        "probes": [{"kind": "plane", "size": 3}],
    }
    (axes,) = drawn(thalweg.run(study, executor="array"), "plane")
    assert any("diverged" in text.get_text() for text in axes.texts)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("plane", {"value": "secnd"}, r"'secnd' is not stored by a probe; did you mean 'second'\?.*there are: plane, second"),
        ("features", {"value": "kernel.chnge"}, "did you mean 'kernel.change'"),
        ("plane", {"target": 1.0}, "plane takes no target"),
    ],
)
def test_wrong_options_are_one_line(tree, kind, options, words, tmp_path):
    with pytest.raises(SpecError, match=words) as caught:
        thalweg.plot(tree, kind, tmp_path / "x.png", **options)
    assert "\n" not in str(caught.value)


def test_a_store_without_probes_says_how_to_add_one(tmp_path):
    bare = thalweg.run({**NET, "probes": [NET["probes"][4]], "seeds": 1, "steps": 5}, executor="array")
    with pytest.raises(SpecError, match="plane draws probes of kind plane, and none is stored; add one: thalweg probe STORE plane"):
        thalweg.plot(bare, "plane", tmp_path / "x.png")
    with pytest.raises(SpecError, match="features draws probes of kind features or kernel or interval, and none is stored"):
        thalweg.plot(bare, "features", tmp_path / "x.png")


def test_both_kinds_are_saved(tree, tmp_path):
    for kind, value, theme in (("plane", "second", "dark"), ("features", "kernel.change", "light")):
        assert thalweg.plot(tree, kind, tmp_path / f"{kind}.png", theme=theme, value=value).stat().st_size > 5000
