"""Files that are written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest
import thalweg
from thalweg.engine.cli import app
from thalweg.engine.plot import plot
from thalweg.engine.report import report
from thalweg.engine.text import whole_file
from thalweg.specs.errors import StoreError
from typer.testing import CliRunner

STUDY = {
    "name": "s",
    "landscape": "himmelblau",
    "init": {"kind": "normal"},
    "noise": {"kind": "gaussian", "scale": 0.1},
    "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01], "nesterov": [True, False]}, {"kind": "adam", "average": "ema", "label": "a.b+c"}],
    "seeds": 3,
    "steps": 6,
    "title": "Über ☃",
    "record": {"state": [2]},
    "claims": [{"name": "c", "measure": "mean(final(loss), 'seed')", "less_than": 1000, "group": "sgd"}],
}


@pytest.fixture
def store(tmp_path):
    thalweg.run(STUDY, tmp_path / "s.zarr", executor="array", threads=1)
    return tmp_path / "s.zarr"


def written(store):
    """Name -> what writes a file of it."""
    command = CliRunner().invoke
    return {
        "r.html": lambda path: report(store, path),
        "p.png": lambda path: plot(store, "loss", path),
        "p.svg": lambda path: plot(store, "loss", path),
        "f.gif": lambda path: plot(store, "animate", path),
        "t.csv": lambda path: thalweg_compare(store, path),
        "v.md": lambda path: command(app, ["verify", str(store), "--report", str(path)], catch_exceptions=False),
    }


def thalweg_compare(store, path):
    result = CliRunner().invoke(app, ["compare", str(store), "--format", "csv", "--out", str(path)])
    if result.exception:
        raise result.exception


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, store, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(path.name for path in tmp_path.iterdir())
    for name, write in written(store).items():
        path = tmp_path / name
        path.write_text("old")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises((StoreError, SystemExit)):
                write(path)
        assert path.read_text() == "old", name
        write(path)
        assert path.stat().st_size > 10, name
        path.unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_error_while_it_is_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(TypeError), whole_file.whole(path) as part:
        part.write_text("half") and part.write_text(None)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(StoreError, match=r"nowhere.a\.txt: cannot be written: No such file or directory"):
        whole_file.write_whole(tmp_path / "nowhere" / "a.txt", "new")


def test_rights_links_and_what_is_no_file(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    whole_file.write_whole(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    if Path("/dev/null").exists():
        whole_file.write_whole("/dev/null", "gone")
        assert not Path("/dev/null").is_file()
