"""Nothing that a study names may lead out of its folder, whatever the field and whatever the way, unless that is allowed."""

import importlib.util
import json
import os
import socket
import time

import numpy as np
import pytest
from thalweg.engine import check, run
from thalweg.engine.cli import app
from thalweg.specs.data import Data
from thalweg.specs.errors import SpecError, ThalwegError
from thalweg.specs.fence import HOW
from thalweg.specs.load import load_study
from typer.testing import CliRunner

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
BASE = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 5}
needs_hdf5 = pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="h5py is not installed")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "studies"
    made.mkdir()
    return made


def study(folder, **changes):
    path = folder / "s.yaml"
    path.write_text(json.dumps({**BASE, **changes}))
    return path


def on(file, **data):
    return {"kind": "logistic_regression", "data": {"file": file, **data}}


def refused(path, quick=False):
    with pytest.raises(SpecError) as caught:
        load_study(path, quick=quick)
    (line,) = caught.value.problems
    assert line.startswith(f"{path}:1:")
    assert line.endswith(HOW)
    return line


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network is not to be used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    "store",
    [
        "http://127.0.0.1:9/x.zarr",
        "https://example.org/x.zarr",
        "s3://bucket/x.zarr",
        "file:///etc/x.zarr",
        "file://inside.zarr",
        "filecache::http://127.0.0.1:9/x.zarr",
        "simplecache::/etc/x.zarr",
        "zip://x::file:///etc/x.zip",
        "memory://x",
        "../x.zarr",
        "/etc",
        "~/x.zarr",
        "a/../../x.zarr",
    ],
)
def test_branches_go_on_from_stores_in_the_folder_only(folder, no_network, store):
    path = study(folder, branch={"store": store, "at": 2})
    line = refused(path)
    assert "branch.store" in line
    assert "is an address" in line if "::" in store or "://" in store else "lies outside" in line
    result = CliRunner().invoke(app, ["check", str(path)])
    assert isinstance(result.exception, SpecError)
    path = study(folder, quick={"branch": {"store": store, "at": 2}}, steps=5)
    assert "branch.store" in refused(path, quick=True)


@pytest.mark.parametrize("place", ["../x", "/etc/passwd", "a/../../x", "~/x", "~root/x", "linked"])
def test_every_field_that_names_a_place_is_fenced(folder, tmp_path, place):
    (folder / "linked").symlink_to("/etc/hostname")
    assert "init.path" in refused(study(folder, init={"kind": "file", "path": place}))
    assert "init.path" in refused(study(folder, init={"kind": "file", "path": "x.npy", "root": ".."}))
    assert "landscape.data.file" in refused(study(folder, landscape=on(place)))
    assert "landscape.data.file" in refused(study(folder, landscape=on("x.csv", root="/etc")))
    assert "init.path" in refused(study(folder, quick={"init": {"kind": "file", "path": place}}), quick=True)
    assert "landscape.data.file" in refused(study(folder, quick={"landscape": on(place)}), quick=True)


def test_all_of_them_are_told_at_once(folder):
    path = study(folder, landscape=on("../x.csv"), init={"kind": "file", "path": "/x"}, branch={"store": "s3://x/y", "at": 1})
    with pytest.raises(SpecError) as caught:
        load_study(path)
    assert len(caught.value.problems) == 3


def test_what_the_user_names_is_the_user_s_word(folder, tmp_path):
    (tmp_path / "x.csv").write_text("a,y\n1,0\n2,1\n")
    path = study(folder, landscape=on("../x.csv"))
    assert load_study(path, outside=True).landscape.dataset.x.shape == (2, 1)
    path = study(folder, landscape=on("inside.csv"))
    assert load_study(path, ["landscape.data.file=../x.csv"]).landscape.dataset.x.shape == (2, 1)
    assert load_study({**BASE, "landscape": on(str(tmp_path / "x.csv"))}).landscape.dataset.x.shape == (2, 1)


def hdf5(folder, name="a.h5"):
    import h5py

    return h5py.File(folder / name, "w")


@needs_hdf5
@pytest.mark.parametrize("suffix", ["h5", "nc", "netcdf"])
@pytest.mark.parametrize("way", ["external link", "deep", "behind a soft link", "external storage", "virtual", "of a link in the folder"])
def test_hdf5_takes_no_parts_from_other_files(folder, tmp_path, way, suffix):
    import h5py

    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"], file["y"] = X, Y
    (tmp_path / "secret.bin").write_bytes(X.tobytes())
    with hdf5(folder, f"a.{suffix}") as file:
        if way == "external link":
            file["x"] = h5py.ExternalLink("../secret.h5", "/x")
        elif way == "deep":
            file.create_group("g/h")["z"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/x")
            file["g/h/again"] = file["g"]  # a circle
            file["x"] = X
        elif way == "behind a soft link":
            file.create_group("g")["z"] = h5py.ExternalLink("../secret.h5", "/")
            file["x"] = h5py.SoftLink("/g/z/x")
        elif way == "external storage":
            file.create_dataset("x", X.shape, X.dtype, external=[(str(tmp_path / "secret.bin"), 0, X.nbytes)])
        elif way == "virtual":
            layout = h5py.VirtualLayout(X.shape, X.dtype)
            layout[:] = h5py.VirtualSource("../secret.h5", "x", X.shape)
            file.create_virtual_dataset("x", layout)
        else:
            file["x"] = h5py.ExternalLink("other.h5", "/x")
        file["y"] = Y
    path = study(folder, landscape=on(f"a.{suffix}"))
    assert "another file" in refused(path)
    if way in ("external link", "external storage", "virtual"):
        assert load_study(path, outside=True).landscape.dataset.x.shape == X.shape


@needs_hdf5
def test_hdf5_without_such_parts_is_read(folder):
    import h5py

    with hdf5(folder) as file:
        file["x"], file["y"] = X, Y
        file["again"] = file["x"]
        file["soft"] = h5py.SoftLink("/x")
        file["broken"] = h5py.SoftLink("/nowhere")
        layout = h5py.VirtualLayout(X.shape, X.dtype)
        layout[:] = h5py.VirtualSource(".", "x", X.shape)
        file.create_virtual_dataset("own", layout)
        del file["broken"]
    assert load_study(study(folder, landscape=on("a.h5"))).landscape.dataset.x.shape == X.shape


@pytest.fixture
def zarr_folder(folder):
    import xarray

    xarray.Dataset({"x": (("n", "f"), X), "y": (("n",), Y)}).to_zarr(folder / "a.zarr", consolidated=False)
    return folder / "a.zarr"


@pytest.mark.parametrize("way", ["a file", "a folder", "a link to a folder with a link", "the store itself", "a circle"])
def test_links_in_a_zarr_folder_lead_nowhere_else(folder, tmp_path, zarr_folder, way):
    outside = tmp_path / "outside"
    if way == "a folder":
        (zarr_folder / "x").rename(outside)
        (zarr_folder / "x").symlink_to(outside)
    elif way == "a file":
        (zarr_folder / "x" / "zarr.json").rename(outside)
        (zarr_folder / "x" / "zarr.json").symlink_to(outside)
    elif way == "a link to a folder with a link":
        (zarr_folder / "x").rename(folder / "x")
        (folder / "x" / "zarr.json").rename(outside)
        (folder / "x" / "zarr.json").symlink_to(outside)
        (zarr_folder / "x").symlink_to(folder / "x")
    elif way == "the store itself":
        zarr_folder.rename(outside)
        zarr_folder.symlink_to(outside)
    else:
        (zarr_folder / "circle").symlink_to("circle")
    path = study(folder, landscape=on("a.zarr"))
    line = refused(path)
    assert "outside the study's folder" in line or "cannot be followed" in line
    assert "branch.store" in refused(study(folder, branch={"store": "a.zarr", "at": 1}))
    if way != "a circle":
        assert load_study(study(folder, landscape=on("a.zarr")), outside=True).landscape.dataset.x.shape == X.shape


def test_links_that_stay_in_the_folder_are_followed(folder, zarr_folder):
    (zarr_folder / "x").rename(folder / "x")
    (zarr_folder / "x").symlink_to(folder / "x")
    (folder / "up").symlink_to(folder)
    assert load_study(study(folder, landscape=on("up/a.zarr"))).landscape.dataset.x.shape == X.shape


def test_the_study_of_a_store_is_fenced_as_well(folder, tmp_path):
    (tmp_path / "x.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    data = {**BASE, "landscape": on(str(tmp_path / "x.csv")), "record": {"state": [2]}}
    run(data, folder / "o.zarr")
    assert "holds a study whose landscape.data.file" in refused(study(folder, branch={"store": "o.zarr", "at": 2}))
    run({**BASE, "record": {"state": [2]}}, folder / "p.zarr")
    assert check(load_study(study(folder, branch={"store": "p.zarr", "at": 2})))


# --- what is not a regular file


@pytest.fixture
def pipe(folder):
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def line(call, *args, **kwargs):
    began = time.monotonic()
    with pytest.raises(SpecError) as caught:
        call(*args, **kwargs)
    assert time.monotonic() - began < 30
    (found,) = caught.value.problems
    return found


def test_devices_pipes_and_sockets_are_not_read(folder, pipe):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "socket"))
    for place in ("/dev/zero", "/dev/null", str(pipe), str(folder / "socket")):
        assert "is not a regular file" in line(load_study, place)
        (folder / "d.csv").unlink(missing_ok=True)
        (folder / "d.csv").symlink_to(place)
        assert "is not a regular file" in line(load_study, study(folder, landscape=on("d.csv")), outside=True)
        assert "is not a regular file" in line(Data.model_validate({"file": str(folder / "d.csv")}).load)
        init = {"kind": "file", "path": place}
        assert "is not a regular file" in line(lambda init=init: check(load_study(study(folder, init=init), outside=True)))
        assert "is not a regular file" in line(run, {**BASE, "init": init})
    server.close()


def test_a_zarr_folder_with_a_pipe_in_it_is_not_read(folder, zarr_folder, pipe):
    (zarr_folder / "x" / "zarr.json").unlink()
    pipe.rename(zarr_folder / "x" / "zarr.json")
    path = study(folder, landscape=on("a.zarr"))
    assert "is not a regular file" in line(load_study, path)
    assert "is not a regular file" in line(load_study, path, outside=True)
    assert "is not a regular file" in line(load_study, study(folder, branch={"store": "a.zarr", "at": 1}))


@pytest.mark.parametrize("place", ["a\0b", "~nobody_of_this_name/x", "x" * 5000, "\ud83d\ude00", " ", ".", "..", "loop/x", "\n"])
def test_odd_paths_are_one_line(folder, place):
    (folder / "loop").symlink_to("loop")
    for outside in (False, True):
        assert line(load_study, study(folder, landscape=on(f"{place}.csv")), outside=outside)
        init = {"kind": "file", "path": place}
        assert line(lambda init=init, outside=outside: check(load_study(study(folder, init=init), outside=outside)))
        with pytest.raises((ThalwegError, OSError)):  # the command line makes one line of either
            check(load_study(study(folder, branch={"store": place, "at": 1}), outside=outside))
    assert line(load_study, place)
