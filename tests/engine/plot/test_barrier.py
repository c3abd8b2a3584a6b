"""The picture of paths: what is drawn is what is stored, over steps, fork steps and pairs; what is refused."""

import matplotlib as mpl
import numpy as np
import pytest
import thalweg
from thalweg.engine.plot import barrier
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES
from thalweg.specs.errors import SpecError

STUDY = {
    "name": "double_well",
    "landscape": {"kind": "expression", "value": "(x**2 - 1)**2/4", "variables": ["x"]},
    "init": {"kind": "normal"},
    "noise": {"kind": "gaussian", "scale": 0.5},
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1]}],
    "seeds": 6,
    "steps": 40,
    "record": {"every": 20},
}


def drawn(tree, theme="dark", **options):
    with mpl.rc_context(THEMES[theme].settings()):
        return barrier.draw(Picture(tree, THEMES[theme], Options(**options)))


def bold(axes):
    return [line for line in axes.lines if line.get_linewidth() > 1]


def test_paths_and_barriers_over_the_steps():
    tree = thalweg.run({**STUDY, "probes": [{"kind": "path", "at": "all"}]})
    figure = drawn(tree, at={"lr": 0.1})
    along, over = figure.axes
    found = tree["sgd/probe/path"].isel(lr=1)
    (line,) = bold(over)
    np.testing.assert_allclose(line.get_xdata(), [0, 20, 40])
    np.testing.assert_allclose(line.get_ydata(), found.barrier.median("pair").values)
    np.testing.assert_allclose(over.lines[1].get_ydata(), found.barrier.mean("pair").values)
    assert len(bold(along)) == 3
    np.testing.assert_allclose(bold(along)[-1].get_ydata(), found.loss.isel(probe_step=-1).median("pair").values)
    assert over.get_xlabel() == "step (optimizer updates)"


def test_several_probes_have_line_styles_and_the_order_of_the_study():
    probes = [{"kind": "path", "name": "z"}, {"kind": "path", "name": "a", "curve": "bezier", "curve_steps": 5}]
    tree = thalweg.run({**STUDY, "optimizers": [{"kind": "sgd", "lr": 0.1}, {"kind": "adam", "lr": 0.1}], "probes": probes})
    (axes,) = drawn(tree).axes
    assert [line.get_linestyle() for line in bold(axes)] == ["-", "--", "-", "--"]
    (axes,) = drawn(tree, value="a", groups=("adam",)).axes
    assert len(bold(axes)) == 1
    for options, message in ((("b",), "there is no probe 'b' of kind path"), ((None,), "no probe of kind path is stored")):
        with pytest.raises(SpecError, match=message):
            drawn(tree if options[0] else thalweg.run(STUDY), value=options[0])


def test_barriers_over_the_steps_of_forks_and_of_pairs():
    trunk = {**STUDY, "name": "trunk", "optimizers": [{"kind": "sgd", "lr": 0.1}], "record": {"every": 20, "state": [0, 20]}}
    probes = [{"kind": "path", "between": "noise_seed"}]
    stage = {"name": "fork", "from": "trunk", "at": [0, 20], "noise_seed": [1, 2, 3], "probes": probes}
    tree = thalweg.run({"name": "forks", "stages": [trunk, stage]})["fork"]
    _, over = drawn(tree).axes
    found = tree["sgd/probe/path"].barrier
    np.testing.assert_allclose(bold(over)[0].get_xdata(), [0, 20])
    np.testing.assert_allclose(bold(over)[0].get_ydata(), found.isel(probe_step=0).median(["seed", "pair"]).values)
    assert over.get_xlabel() == "step of the fork"
    steps = {"kind": "path", "between": "step", "at": "all", "pairs": "first"}
    _, over = drawn(thalweg.run({**STUDY, "probes": [steps]})).axes
    np.testing.assert_allclose(bold(over)[0].get_xdata(), [20, 40])
    assert over.get_xlabel() == "step of the second point"
