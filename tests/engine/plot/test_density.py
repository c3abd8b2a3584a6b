"""Spectral densities: the Gaussian mixture as SciPy has it, the panels, the outliers that are marked, and what is refused."""

import matplotlib as mpl
import numpy as np
import pytest
import thalweg
from scipy.stats import norm
from thalweg.engine.plot import PICTURES
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES
from thalweg.engine.results import probed
from thalweg.specs.errors import SpecError

STUDY = {
    "name": "bowl",
    "landscape": {"kind": "expression", "variables": ["x", "y", "z"], "value": "(x**2 + 2*y**2 + 100*z**2)/2 + x**4"},
    "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01]}, {"kind": "adam", "lr": 0.01}],
    "seeds": 4,
    "steps": 10,
    "record": {"every": 5},
    "probes": [{"kind": "spectrum", "at": "all"}, {"kind": "spectrum", "name": "slq", "method": "lanczos", "nodes": 3, "at": [0]}],
}


@pytest.fixture(scope="module")
def tree():
    return thalweg.run(STUDY)


def drawn(tree, theme="light", **options):
    with mpl.rc_context(THEMES[theme].settings()):
        figure = PICTURES.load("density").draw(Picture(tree, THEMES[theme], Options(**options)))
    return [axes for axes in figure.axes if axes.get_visible()], figure


@pytest.mark.parametrize("name", ["spectrum", "slq"])
def test_the_density_is_the_mixture_of_gaussians(tree, name):
    """Of the matrix diag(1 + 12 x^2, 2, 100), whose Lanczos quadrature of three nodes has the eigenvalues, with the weights of its vectors."""
    dataset = probed.probes(tree)["sgd"][name].isel(lr=0, probe_step=[0])
    values, weights = (part[:, 0] for part in probed.eigenvalues(dataset))
    at = np.linspace(-5, 105, 300)
    found = probed.density(values, weights, at, 0.7)
    x = tree["sgd"].params.isel(lr=0, step=0, dim=0).values
    exact = np.stack([1 + 12 * x**2, 2 + 0 * x, 100 + 0 * x])
    if name == "spectrum":
        expected = norm.pdf(at[:, None, None], exact, 0.7).mean((1, 2))
    else:
        weighed = weights.reshape(4, 4, 3).sum(1)  # signs have equal parts of all eigenvectors here, so every vector sees a third of each
        expected = (norm.pdf(at[:, None, None], np.sort(exact, axis=0), 0.7) * weighed.T).sum(1).mean(1)
        np.testing.assert_allclose(weighed, 1 / 3, rtol=1e-10)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert np.trapezoid(found, at) == pytest.approx(1, abs=1e-3)


def test_runs_without_numbers_are_left_out():
    values, weights = np.array([[1.0, 3.0], [np.nan, np.nan]]), np.array([[0.5, 0.5], [0.0, 0.0]])
    at = np.array([1.0, 2.0])
    np.testing.assert_allclose(probed.density(values, weights, at, 1.0), (norm.pdf(at, 1) + norm.pdf(at, 3)) / 2)
    assert np.isnan(probed.density(values[1:], weights[1:], at, 1.0)).all()
    assert probed.width_of(np.array([5.0, 5.0])) == pytest.approx(0.05)


def test_a_row_a_step_and_a_column_an_optimizer_with_outliers_marked(tree):
    panels, figure = drawn(tree)
    assert [axes.get_title(loc="left") for axes in panels[:2]] == ["sgd", "adam"]
    assert [axes.get_ylabel().split("\n")[0] for axes in panels[::2]] == ["step 0", "step 5", "step 10"]
    for k, group in enumerate(("sgd", "adam")):
        stored = probed.probes(tree)[group]["spectrum"]
        (marks,) = [line for line in panels[k].get_lines() if line.get_marker() == "v"]
        apart = stored.isel(probe_step=0) if group == "adam" else stored.isel(probe_step=0, lr=1, seed=[1, 3])
        expected = {v for row, n in zip(apart.eigenvalues.values, apart.outliers.values, strict=True) for v in row[3 - int(n) :]}
        assert sorted(expected) == pytest.approx(marks.get_xdata())
        assert panels[k].get_yscale() == "log"
    said = figure.legends[0].get_title().get_text()
    assert "probe spectrum: mean over 2 or 4 seeds" in said


def test_a_probe_by_name_and_what_is_refused(tree, tmp_path):
    panels, _ = drawn(tree, value="slq", groups=("adam",))
    assert len(panels) == 1
    assert "Hessian" in panels[0].get_xlabel()
    with pytest.raises(SpecError, match=r"no spectrum probe 'slk'; did you mean 'slq'\? \(there are: spectrum, slq\)"):
        thalweg.plot(tree, "density", tmp_path / "x.png", value="slk")
    without = thalweg.run({key: value for key, value in STUDY.items() if key != "probes"})
    with pytest.raises(SpecError, match=r"no spectrum probe is stored; add \{kind: spectrum\}"):
        thalweg.plot(without, "density", tmp_path / "x.png")


@pytest.mark.parametrize("theme", THEMES)
def test_in_every_theme(tree, theme, tmp_path):
    assert THEMES[theme].paper in thalweg.plot(tree, "density", tmp_path / "x.svg", theme=theme).read_text()
