"""Films: what moves in them, their colours, rate and size, and how to get ffmpeg."""

import importlib
import shutil

import numpy as np
import pytest
import thalweg
from helpers.picture_studies import STILL
from PIL import Image
from thalweg.engine.plot import animate
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES
from thalweg.specs.errors import SpecError, StoreError


@pytest.fixture(scope="module")
def still():
    return thalweg.run(STILL)


def pictured(tree, **options):
    return Picture(tree, THEMES["light"], Options(**options))


def test_a_film_grows_and_keeps_the_colours(still, tmp_path, monkeypatch):
    monkeypatch.setattr(animate, "FRAMES", 6)
    figure, frames = animate.scene(pictured(still))
    own = [
        line for line in figure.axes[0].get_lines() if line.get_color() == THEMES["light"].colours[1] and line.get_alpha() != animate.FADED
    ]
    (tail,) = [line for line in own if line.get_marker() == "None"]
    (past,) = [
        line for line in figure.axes[0].get_lines() if line.get_color() == THEMES["light"].colours[1] and line.get_alpha() == animate.FADED
    ]
    seen = [(len(past.get_xdata()), len(tail.get_xdata()), *past.get_xdata()[-1:], *tail.get_xdata()[:1]) for _ in frames]
    assert [before + after - 1 for before, after, *_ in seen] == [1, 5, 9, 13, 17, 21]  # they share a point
    assert all(here[2] == here[3] for here in seen)
    (now,) = [line for line in figure.axes[1].get_lines() if len(line.get_xdata()) == 2 and line.get_color() == THEMES["light"].ink]
    assert list(now.get_xdata()) == [20, 20]
    target = thalweg.plot(still, out=tmp_path / "x.gif")
    with Image.open(target) as film:
        assert film.n_frames == 6
        shown = []
        for k in (1, 5):
            film.seek(k)
            shown.append(np.asarray(film.convert("RGB")).reshape(-1, 3))
    assert (shown[0] != shown[1]).any()
    for colour in THEMES["light"].colours[:2]:
        assert (shown[1] == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(-1).sum() > 20
    with pytest.raises(StoreError, match="cannot be written"):
        thalweg.plot(still, out=tmp_path / "none" / "x.gif")


def test_many_seeds_are_a_cloud_of_dots(tmp_path, monkeypatch):
    monkeypatch.setattr(animate, "FRAMES", 3)
    tree = thalweg.run({**STILL, "init": {"kind": "uniform", "low": -4.0, "high": 4.0}, "seeds": 40})
    figure, frames = animate.scene(pictured(tree, seeds=40))
    for _ in frames:
        pass
    clouds = [line for line in figure.axes[0].get_lines() if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in clouds] == [40, 40]
    np.testing.assert_array_equal(clouds[1].get_xdata(), tree["adam"].params.isel(step=-1, dim=0).values)
    with Image.open(thalweg.plot(tree, out=tmp_path / "x.gif", seeds=40, fps=5, size=300)) as film:
        assert film.width == 300
        assert film.info["duration"] == 200


def test_an_mp4_or_how_to_get_ffmpeg(still, tmp_path, monkeypatch):
    if shutil.which("ffmpeg") or importlib.util.find_spec("imageio_ffmpeg"):
        monkeypatch.setattr(animate, "FRAMES", 4)
        made = thalweg.plot(still, out=tmp_path / "x.mp4").read_bytes()
        assert made[4:8] == b"ftyp"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(SpecError, match=r"install ffmpeg, or pip install 'thalweg\[video\]'; a \.gif needs neither"):
        thalweg.plot(still, out=tmp_path / "y.mp4")
    assert not (tmp_path / "y.mp4").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fps": 100}, "fps 100: from 1 to 60"),
        ({"size": 10}, "size 10: from 100 to 4,000 pixels"),
        ({"value": "loss"}, "animate takes no value"),
    ],
)
def test_wrong_options(still, options, words, tmp_path):
    with pytest.raises(SpecError, match=words):
        thalweg.plot(still, out=tmp_path / "x.gif", **options)
