"""Landscapes of more than two components on the plane of their trajectories, and landscapes as surfaces."""

import numpy as np
import pytest
import thalweg
from helpers.picture_studies import STILL
from PIL import Image
from thalweg.engine.plot import animate, landscape, overview, surface
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES
from thalweg.engine.results import path_plane as plane_of_paths
from thalweg.engine.results.path_plane import path_plane
from thalweg.specs.errors import SpecError
from thalweg.specs.study import Study

VALLEY = {
    "name": "valley",
    "landscape": {"kind": "rosenbrock", "dim": 6},
    "init": {"kind": "normal", "std": 0.5},
    "optimizers": [{"kind": "sgd", "lr": 0.001}, {"kind": "adam", "lr": 0.05}],
    "seeds": 2,
    "steps": 60,
}
NETWORK = {
    "name": "network",
    "landscape": {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [5]},
    "optimizers": [{"kind": "sgd", "lr": 0.3}],
    "steps": 30,
    "record": {"variables": ["loss", "params"]},
}


def pictured(tree, **options):
    return Picture(tree, THEMES["light"], Options(**options))


def some_path(*shape):
    return np.cumsum(np.random.default_rng(3).normal(size=shape), axis=0)


def test_directions_and_shares_are_those_of_principal_components():
    decomposition = pytest.importorskip("sklearn.decomposition")
    first, second = some_path(40, 7), some_path(25, 7)
    plane = path_plane([first, second])
    assert plane is not None
    reference = decomposition.PCA(2).fit(np.concatenate([first, second]))
    np.testing.assert_allclose(np.abs(np.sum(plane.directions * reference.components_, axis=1)), 1, rtol=1e-12)
    np.testing.assert_allclose(plane.share, reference.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_array_equal(plane.centre, first[-1])


def test_a_path_in_a_plane_is_shown_as_it_is():
    flat, basis = some_path(20, 2), np.linalg.qr(some_path(9, 2))[0].T
    plane = path_plane([flat @ basis + 5])
    assert plane is not None
    np.testing.assert_allclose(plane.share.sum(), 1)
    found = plane.project(flat @ basis + 5)
    np.testing.assert_allclose(np.linalg.norm(found - found[0], axis=1), np.linalg.norm(flat - flat[0], axis=1))
    np.testing.assert_allclose(plane.points(found[3:4, 0], found[3, 1])[0], flat[3] @ basis + 5)


def test_a_line_has_a_plane_and_a_point_has_none():
    line = np.arange(5.0)[:, None] * np.ones(4)
    plane = path_plane([line])
    assert plane is not None
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(plane.share, [1, 0])
    assert path_plane([np.ones((5, 4))]) is None
    assert path_plane([np.full((5, 4), np.nan)]) is None
    broken = np.concatenate([line, np.full((2, 4), np.inf)])
    np.testing.assert_array_equal(path_plane([broken]).centre, line[-1])  # type: ignore[union-attr]


def test_heights_are_the_loss_at_the_points_of_the_plane():
    land = Study.model_validate(VALLEY).landscape
    plane = path_plane([some_path(10, 6)])
    assert plane is not None
    x, y = np.linspace(-1, 1, 4), np.linspace(-2, 0, 3)
    found = plane.heights(land, x, y)
    for j, b in enumerate(y):
        for i, a in enumerate(x):
            z = plane.centre + a * plane.directions[0] + b * plane.directions[1]
            assert found[j, i] == pytest.approx(sum(100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2), rel=1e-12)


@pytest.mark.parametrize("study", [VALLEY, NETWORK], ids=["formula", "network"])
def test_wide_landscapes_are_drawn_on_the_plane_of_their_trajectories(study, tmp_path):
    tree = thalweg.run(study)
    figure = landscape.draw(pictured(tree))
    axes = figure.axes[0]
    assert axes.get_xlabel().startswith("principal direction 1 (")
    paths = [line for line in axes.get_lines() if len(line.get_xdata()) == study["steps"] + 1]
    assert len(paths) == len(study["optimizers"]) * study.get("seeds", 1)
    best = min(paths, key=lambda line: np.hypot(line.get_xdata()[-1], line.get_ydata()[-1]))
    assert np.hypot(best.get_xdata()[-1], best.get_ydata()[-1]) < 1e-9  # its end is the middle of the plane
    assert "trajectories are projected onto it" in " ".join(legend.get_title().get_text() for legend in figure.legends).replace("\n", " ")
    assert thalweg.plot(tree, out=tmp_path / "x.png").exists()


def test_no_plane_where_nothing_moves():
    tree = thalweg.run({**VALLEY, "optimizers": [{"kind": "sgd", "lr": 0.0}], "seeds": 1})
    with pytest.raises(SpecError, match="no trajectory on rosenbrock moves"):
        landscape.draw(pictured(tree))


def test_paths_lie_on_the_surface():
    one = landscape.scene(pictured(thalweg.run(STILL)), pictured(thalweg.run(STILL)).problems()[0])
    height = np.log10(np.maximum(one.ground.height - one.ground.bottom, 1e-3))
    places = np.column_stack([one.ground.x[[3, 50]], one.ground.y[[7, 20]]])
    np.testing.assert_allclose(surface.at(one.ground, height, places), height[[7, 20], [3, 50]], rtol=1e-9)
    middle = (places + np.column_stack([one.ground.x[[4, 51]], one.ground.y[[7, 20]]])) / 2
    np.testing.assert_allclose(surface.at(one.ground, height, middle), (height[[7, 20], [3, 50]] + height[[7, 20], [4, 51]]) / 2, rtol=1e-9)
    assert np.isnan(surface.at(one.ground, height, places + 1e6)).all()


def test_surfaces_stand_still_and_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(animate, "FRAMES", 3)
    monkeypatch.setattr(surface, "PATCHES", 20)
    tree = thalweg.run(VALLEY)
    assert thalweg.plot(tree, "surface", tmp_path / "x.png").exists()
    figure, frames = surface.scene(pictured(tree))
    turned, lengths = [], []
    path = next(line for line in figure.axes[0].get_lines() if len(line.get_data_3d()[0]) == 61)
    for _ in frames:
        turned.append(figure.axes[0].azim)
        lengths.append(len(path.get_data_3d()[0]))
    assert turned == [surface.AZIMUTH, surface.AZIMUTH + surface.TURN / 2, surface.AZIMUTH + surface.TURN]
    assert lengths == [1, 31, 61]
    with Image.open(thalweg.plot(tree, "surface", tmp_path / "x.gif", size=200)) as film:
        assert film.n_frames == 3


def test_minima_behind_hills_are_not_drawn():
    figure = surface.draw(pictured(thalweg.run(STILL)))
    stars = [line for line in figure.axes[0].get_lines() if line.get_marker() == "*"]
    assert len(stars) == 4
    shown = {tuple(np.sign([line.get_data_3d()[k][0] for k in range(2)])): line.get_visible() for line in stars}
    assert shown[1, -1]  # the nearest
    assert not shown[-1, 1]  # the farthest


@pytest.mark.parametrize(
    "study", [{**VALLEY, "optimizers": [{"kind": "sgd", "lr": 0.0}], "seeds": 1}, {**NETWORK, "record": {"last": True}}]
)
def test_the_overview_is_the_loss_alone_where_no_plane_can_be_drawn(study, tmp_path):
    figure = overview.draw(pictured(thalweg.run(study)))
    assert len(figure.axes) == 1
    assert "loss" in figure.axes[0].get_ylabel()


def test_a_plane_that_would_take_too_long_is_refused_at_once(monkeypatch, tmp_path):
    tree = thalweg.run(NETWORK)
    monkeypatch.setattr(plane_of_paths, "COSTLY", 1000)
    with pytest.raises(SpecError, match=r"the loss of mlp, with .* weights on 60 samples, takes too long.*choose loss"):
        landscape.draw(pictured(tree))
    assert len(overview.draw(pictured(tree)).axes) == 1
    page = thalweg.report(tree, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "takes too long for a picture of the plane" in page
