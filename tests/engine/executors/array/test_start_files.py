"""Files of starts: what they may hold, and one line about what is wrong with them."""

import json

import numpy as np
import pytest
from thalweg.engine import check, run
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load_study


def study(folder, name, **init):
    data = {
        "name": "s",
        "landscape": "himmelblau",
        "init": {"kind": "file", "path": name, **init},
        "optimizers": ["sgd"],
        "steps": 5,
        "seeds": 3,
    }
    (folder / "s.yaml").write_text(json.dumps(data))
    return load_study(folder / "s.yaml")


def saved(save, path, *args, **kwargs):
    with path.open("wb") as file:
        save(file, *args, **kwargs)


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("a.csv", lambda p: p.write_text("x,y\n0,1\n"), "is neither an .npy nor an .npz file; starts are read from those"),
        ("a.npy", lambda p: p.write_text("0 1\n"), "is neither an .npy nor an .npz file"),
        ("a.npy", lambda p: p.write_bytes(b""), "is neither an .npy nor an .npz file"),
        ("a.npy", lambda p: p.write_bytes(b"\x93NUMPY rubbish"), "cannot read .*it may be damaged"),
        ("a.npz", lambda p: p.write_bytes(b"PK\x03\x04 rubbish"), "cannot read .*it may be damaged"),
        ("a.npy", lambda p: saved(np.save, p, np.array([{}, {}])), "holds Python objects, which are not read; store numbers"),
        ("a.npz", lambda p: saved(np.savez, p, x=np.array([{}, {}])), "holds Python objects, which are not read"),
        ("a.npy", lambda p: saved(np.save, p, np.array(["a", "b"])), "it must hold numbers of shape"),
        ("a.npy", lambda p: saved(np.save, p, np.array([1j, 2])), "it must hold numbers of shape"),
        ("a.npy", lambda p: saved(np.save, p, np.zeros((2, 2))), r"has shape \(2, 2\); it must hold numbers of shape \(2,\) or \(3, 2\)"),
        ("a.npy", lambda p: saved(np.save, p, np.array([1, np.nan])), "holds NaN or infinity"),
        ("a.npz", lambda p: saved(np.savez, p, x=np.zeros(2), y=np.zeros(2)), "holds x, y; name one of them"),
        ("a.npy", lambda p: None, "cannot read .*No such file"),
        ("a.npy", lambda p: p.mkdir(), "cannot read .*Is a directory"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, name, write, words):
    write(tmp_path / name)
    made = study(tmp_path, name)
    with pytest.raises(SpecError, match=words) as caught:
        check(made)
    (line,) = caught.value.problems
    assert line.startswith("init.")
    assert "\n" not in line
    assert "pickle" not in line


def test_right_files_are_starts(tmp_path):
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    saved(np.save, tmp_path / "one.npy", x[0])
    saved(np.save, tmp_path / "whole.npy", x.astype(np.int16))
    saved(np.savez_compressed, tmp_path / "two.npz", a=x, b=x[1])
    for name, init, wanted in (
        ("one.npy", {}, [x[0]] * 3),
        ("whole.npy", {}, x),
        ("two.npz", {"key": "a"}, x),
        ("two.npz", {"key": "b"}, [x[1]] * 3),
    ):
        np.testing.assert_array_equal(run(study(tmp_path, name, **init))["sgd"].params.isel(step=0), wanted)
