"""Data files: every format is read, and every mistake is one clear line."""

import importlib.util
import os
import pickle
import sys
import zipfile

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError
from thalweg.specs import data as module
from thalweg.specs.data import Data
from thalweg.specs.errors import SpecError
from thalweg.specs.landscapes.softmax_regression import SoftmaxRegression

X = np.arange(12.0).reshape(6, 2) ** 1.5
Y = np.array([0, 1, 2, 0, 1, 2])
NEEDS_HDF5 = pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="h5py is not installed")


def spec(path, **fields):
    return Data.model_validate({"file": str(path), "standardize": False, **fields})


def problem(path, **fields):
    with pytest.raises(SpecError) as caught:
        spec(path, **fields).load()
    (line,) = caught.value.problems
    assert "\n" not in line
    assert line.startswith(str(path))
    return line


def write_csv(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def dataset(x=X, y=Y):
    return xr.Dataset({"x": (("sample", "feature"), x), "y": (("sample",), y)})


def test_every_format_gives_the_same_data(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    np.savez_compressed(tmp_path / "c.npz", x=X, y=Y)
    write_csv(tmp_path / "a.csv", "p,y,q\n" + "".join(f"{a!r},{t},{b!r}\n" for (a, b), t in zip(X.tolist(), Y, strict=True)))
    dataset().to_netcdf(tmp_path / "a.nc", engine="scipy")
    dataset().to_netcdf(tmp_path / "b.netcdf", engine="scipy")
    dataset().to_zarr(tmp_path / "a.zarr", consolidated=False)
    dataset().to_zarr(tmp_path / "two.zarr", zarr_format=2, consolidated=True)
    for name in ("a.npz", "c.npz", "a.csv", "a.nc", "b.netcdf", "a.zarr", "two.zarr"):
        found = spec(tmp_path / name).load()
        np.testing.assert_array_equal(found.x, X, err_msg=name)
        np.testing.assert_array_equal(found.y, Y, err_msg=name)
        np.testing.assert_array_equal(found.classes, [0, 1, 2], err_msg=name)
        assert found.x.dtype == found.y.dtype == np.float64
        assert found.x_test.shape == (0, 2)


@NEEDS_HDF5
def test_hdf5(tmp_path):
    for name in ("a.nc", "a.h5"):
        dataset().to_netcdf(tmp_path / name, engine="h5netcdf")
        np.testing.assert_array_equal(spec(tmp_path / name).load().x, X)
        np.testing.assert_array_equal(spec(tmp_path / name).load().y, Y)
    assert "no variable 'z'" in problem(tmp_path / "a.nc", y="z")
    raw = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(raw[: len(raw) // 2])
    assert "may be damaged" in problem(tmp_path / "a.nc")


@NEEDS_HDF5
def test_plain_hdf5_without_dimension_names(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = X, Y
    np.testing.assert_array_equal(spec(tmp_path / "a.h5").load().x, X)


def test_names_and_columns(tmp_path):
    np.savez(tmp_path / "a.npz", inputs=X, target=X[:, :1] * 0.5)
    found = spec(tmp_path / "a.npz", x="inputs", y="target").load()
    np.testing.assert_array_equal(found.y, X[:, 0] * 0.5)
    assert found.classes.size == 0
    path = write_csv(tmp_path / "a.csv", '\ufeffa, "b",c,kind\n1,2,3,cat\n\n4,5,6,ant\r\n7,8,9,cat\n')
    found = spec(path, y=3, x=["c", "a"]).load()
    np.testing.assert_array_equal(found.x, [[3, 1], [6, 4], [9, 7]])
    assert found.classes.tolist() == ["ant", "cat"]
    assert found.codes().tolist() == [1, 0, 1]
    np.testing.assert_array_equal(spec(path, y=-1, x="b").load().x, [[2], [5], [8]])
    np.testing.assert_array_equal(spec(path, y="c", x=["a"]).load().y, [3, 6, 9])
    np.savez(tmp_path / "s.npz", x=X[:, 0], y=np.array(list("abcabc")))
    found = spec(tmp_path / "s.npz").load()
    assert found.x.shape == (6, 1)
    assert found.labelled


def test_relative_paths_start_at_the_root(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    assert len(spec("a.npz", root=str(tmp_path)).load().x) == 6
    assert len(spec("a.npz").load(tmp_path).x) == 6
    assert "no such file" in problem("a.npz")
    monkeypatch.chdir(tmp_path)
    assert len(spec("a.npz").load().x) == 6
    assert len(spec(tmp_path / "a.npz", root="/nowhere").load().x) == 6
    given = spec("a.npz", root=str(tmp_path), x="x", limit=3)
    assert Data.model_validate_json(given.model_dump_json()) == given


def test_standardize_split_and_limit(tmp_path):
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(5, 3, 50), np.full(50, 0.1), rng.normal(size=50)])
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(50))
    whole = spec(tmp_path / "a.npz", standardize=True).load()
    np.testing.assert_allclose(whole.x.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(whole.x.std(axis=0), [1, 0, 1], atol=1e-14)
    assert not whole.x[:, 1].any()
    parts = spec(tmp_path / "a.npz", standardize=True, test_fraction=0.3).load()
    assert parts.x.shape == (35, 3)
    assert parts.x_test.shape == (15, 3)
    assert sorted([*parts.y, *parts.y_test]) == list(range(50))
    np.testing.assert_allclose(parts.x.std(axis=0), [1, 0, 1], atol=1e-14)
    rows = parts.y_test.astype(int)
    train = parts.y.astype(int)
    np.testing.assert_allclose(parts.x_test[:, 0], (x[rows, 0] - x[train, 0].mean()) / x[train, 0].std())
    assert set(rows) == set(np.random.default_rng(0).permutation(50)[:15])
    assert spec(tmp_path / "a.npz", limit=7).load().y.tolist() == list(range(7))
    assert len(spec(tmp_path / "a.npz", limit=700).load().y) == 50


def test_read_once_until_the_file_changes(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=X, y=Y)
    first = spec(path).load()
    assert spec(path).load() is first
    assert pickle.loads(pickle.dumps(first)) == first
    np.savez(path, x=X + 1, y=Y)
    os.utime(path, ns=(1, 1))
    assert spec(path).load() != first
    with pytest.raises(ValueError, match="read-only"):
        first.x[0] = 1


def test_the_name_of_builtin_data_is_short_for_them():
    assert Data.model_validate("digits") == Data(builtin="digits")
    land = SoftmaxRegression.model_validate({"data": "blobs"})
    assert land.model_dump(mode="json")["data"]["builtin"] == "blobs"
    with pytest.raises(ValidationError, match=r"digits or blobs, or a mapping such as \{file: data.csv\}; did you mean 'digits'"):
        Data.model_validate("digit")
    with pytest.raises(ValidationError, match=r"file: data\.csv"):
        Data.model_validate("mine.csv")


def test_builtins():
    digits = Data(builtin="digits", test_fraction=0.2).load()
    assert digits.x.shape == (1438, 64)
    assert len(digits.x_test) == 359
    assert digits.classes.tolist() == list(range(10))
    blobs = Data(builtin="blobs", classes=2).load()
    assert blobs.x.shape == (60, 4)
    assert blobs.y.tolist() == [0, 1] * 30
    assert len(Data(builtin="blobs").load().classes) == 3


@pytest.mark.parametrize("file", [True, False])
def test_digits_are_scikit_learns(monkeypatch, file):
    """From its file, or through its function where the file is elsewhere."""
    datasets = pytest.importorskip("sklearn.datasets")
    if not file:
        monkeypatch.setattr(module.Path, "is_file", lambda path: False)
    for mine, theirs in zip(module._digits(), datasets.load_digits(return_X_y=True), strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


def test_scikit_learn_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    module._load.cache_clear()
    with pytest.raises(SpecError, match=r"pip install thalweg\[datasets\]"):
        Data(builtin="digits").load()


@pytest.mark.parametrize(("start", "package"), [(b"\x89HDF", "h5netcdf"), (b"\x89HDF", "h5py"), (b"CDF\x01", "scipy")])
def test_a_reader_is_missing(tmp_path, monkeypatch, start, package):
    (tmp_path / "a.nc").write_bytes(start)
    if package == "h5py":
        monkeypatch.setitem(sys.modules, "h5netcdf", np)
    monkeypatch.setitem(sys.modules, package, None)
    assert f"needs {package}; pip install thalweg[datasets]" in problem(tmp_path / "a.nc")


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({}, "either `builtin`"),
        ({"builtin": "digits", "file": "a.npz"}, "either `builtin`"),
        ({"builtin": "digits", "x": "a"}, "leave them out with the builtin 'digits'"),
        ({"builtin": "digits", "classes": 4}, "blobs"),
        ({"builtin": "iris"}, "digits"),
        ({"file": "a.npz", "y": 3}, "one name each"),
        ({"file": "a.nc", "x": ["a", "b"]}, "one name each"),
        ({"file": "a.csv", "x": []}, "no columns"),
        ({"file": ""}, "at least 1 character"),
        ({"file": "a.csv", "y": True}, "y"),
        ({"builtin": "blobs", "classes": 1}, "greater than or equal to 2"),
        ({"builtin": "blobs", "limit": 0}, "greater than or equal to 1"),
        ({"builtin": "blobs", "test_fraction": 1.0}, "less than 1"),
        ({"builtin": "blobs", "standardise": True}, "standardize"),
    ],
)
def test_wrong_fields(fields, part):
    with pytest.raises(ValidationError, match=part):
        Data.model_validate(fields)


def test_wrong_paths(tmp_path, monkeypatch):
    assert "no such file" in problem(tmp_path / "none.npz")
    (tmp_path / "dir.npz").mkdir()
    assert "is a folder" in problem(tmp_path / "dir.npz")
    (tmp_path / "a.zarr").write_text("x")
    assert "is a folder" in problem(tmp_path / "a.zarr")
    (tmp_path / "a.npx").write_text("x")
    line = problem(tmp_path / "a.npx")
    assert "did you mean '.npz'?" in line
    assert ".zarr" in line
    assert "unknown kind" in problem(tmp_path)
    assert "no such file" in problem("a\0b.npz")
    assert "cannot be read" in problem(tmp_path / ("a" * 5000 + ".npz"))
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    assert "at most 100" in problem(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.npz", "a.nc", "a.h5"])
@pytest.mark.parametrize("raw", [b"", b"not at all", b"PK\x03\x04 cut", b"\x89HDF\r\n\x1a\n cut", b"CDF\x01 cut"])
def test_damaged_files(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    problem(tmp_path / name)


def test_cut_files(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=X, y=Y)
    dataset().to_netcdf(tmp_path / "a.nc", engine="scipy")
    for name in ("a.npz", "a.nc"):
        raw = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(raw[: len(raw) // 2])
        problem(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as file:
        file.writestr("x.npy", b"rubbish")
        file.writestr("y.npy", b"rubbish")
    problem(tmp_path / "b.npz")
    (tmp_path / "empty.zarr").mkdir()
    problem(tmp_path / "empty.zarr")
    dataset().to_zarr(tmp_path / "a.zarr", consolidated=False)
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    problem(tmp_path / "a.zarr")


def test_missing_keys(tmp_path):
    np.savez(tmp_path / "a.npz", inputs=X, y=Y)
    dataset().to_netcdf(tmp_path / "a.nc", engine="scipy")
    dataset().to_zarr(tmp_path / "a.zarr", consolidated=False)
    line = problem(tmp_path / "a.npz", x="input")
    assert "no array 'input'; did you mean 'inputs'? (it has: inputs, y)" in line
    assert "no variable 'z'" in problem(tmp_path / "a.nc", y="z")
    assert "(it has: x, y)" in problem(tmp_path / "a.zarr", y="z")
    path = write_csv(tmp_path / "a.csv", "width,height,y\n1,2,3\n")
    assert "no column 'widht'; did you mean 'width'?" in problem(path, x=["widht"])
    assert "no column 'z'" in problem(path, y="z")
    assert "no column 3 (positions 0 to 2" in problem(path, y=3)
    assert "both in x and as y" in problem(path, x=["y", "width"])


@pytest.mark.parametrize(
    ("x", "y", "part"),
    [
        (np.float64(3), Y, "shape ()"),
        (X.reshape(6, 2, 1), Y, "shape (6, 2, 1)"),
        (X, Y.reshape(6, 1, 1), "y has shape"),
        (X, Y[:5], "x has 6 samples and y has 5"),
        (X[:0], Y[:0], "no samples"),
        (X[:, :0], Y, "no samples"),
        (X.astype(str), Y, "must hold real numbers"),
        (X + 1j, Y, "complex numbers"),
        (X.astype("M8[s]"), Y, "dates"),
        (X.astype(object), Y, "Python objects"),
        (np.where(X > 3, np.nan, X), Y, "x has 9 values that are NaN or infinite, the first in row 2"),
        (X, np.where(Y > 1, np.inf, Y), "y has 2 values that are NaN or infinite, the first in row 3"),
        (X, np.array([["a"] * 2] * 6), "y must hold real numbers"),
    ],
)
def test_wrong_contents(tmp_path, x, y, part):
    np.savez(tmp_path / "a.npz", x=x, y=y)
    assert part in problem(tmp_path / "a.npz")


def test_values_that_do_not_fit(tmp_path, monkeypatch):
    for scale in (1e-300, 1e306):
        np.savez(tmp_path / "a.npz", x=X * scale, y=Y)
        np.testing.assert_allclose(spec(tmp_path / "a.npz", standardize=True).load().x.std(axis=0), 1)
    np.savez(tmp_path / "a.npz", x=(X - 9) * 6e306, y=Y)
    assert "too large to standardize" in problem(tmp_path / "a.npz", standardize=True)
    np.savez(tmp_path / "one.npz", x=X[:1], y=Y[:1])
    assert "leaves none to train on" in problem(tmp_path / "one.npz", test_fraction=0.1)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((5000, 3)), y=np.zeros(5000))
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    assert "'x' takes 120128 bytes" in problem(tmp_path / "bomb.npz")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("a,y\n", "no samples"),
        ("1.5,2\n3,4\n", "names of the columns"),
        ("a,a,y\n1,2,3\n", "two columns are called 'a'"),
        ("a,y\n1,2\n1,2,3\n", "line 3: 3 cells, the header has 2"),
        ("a,y\n1,2\nx,3\n", "column 'a' must hold numbers; line 3 holds 'x'"),
        ("a,y\n1,2\n,3\n", "line 3 holds an empty cell"),
        ("a,y\n1,2.5\n2,x\n", "column 'y' must hold numbers or labels; line 3 holds 'x', line 2 '2.5'"),
        ("a,y\n1_0,2\n", "'1_0'"),
        ("a,y\nnan,2\n", "column 'a' must hold numbers; line 2 holds 'nan'"),
        ('a,y\n"1,2\n', "not CSV"),
        ("y\n1\n", "no column besides y"),
    ],
)
def test_wrong_csv(tmp_path, text, part):
    assert part in problem(write_csv(tmp_path / "a.csv", text))


def test_csv_that_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,y\n\xff\xfe,1\n")
    assert "not UTF-8" in problem(tmp_path / "a.csv")


def test_reported_when_the_landscape_is_read(tmp_path):
    with pytest.raises(ValidationError, match="no such file"):
        SoftmaxRegression.model_validate({"data": {"file": str(tmp_path / "a.npz")}})
