"""What is lost of a store is found, said by whatever reads it, and made anew."""

import json
import shutil
from itertools import product

import numpy as np
import pytest
import thalweg
import zarr
from helpers.repetitions import few
from thalweg.engine.cli import app
from thalweg.engine.runner.merge import merge
from thalweg.engine.store import integrity, location
from thalweg.engine.store.open import without_zarr_warnings
from thalweg.specs.errors import StoreError
from typer.testing import CliRunner

STUDY = {
    "name": "s",
    "landscape": "himmelblau",
    "init": {"kind": "normal"},
    "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01]}, {"kind": "adam", "average": "ema"}],
    "seeds": 3,
    "steps": 6,
}
STUDIES = {
    "runs": {**STUDY, "record": {"state": [2, 4], "variables": ["loss", "params", "average_loss", "hessian_top"]}},
    "statistics": {**STUDY, "record": {"stats": ["mean", "var", "quantiles"]}},
    "swarm": {
        **STUDY,
        "optimizers": [{"kind": "cbo", "particles": 4}],
        "record": {"variables": ["loss", "swarm"]},
    },
    "one seed": {
        **STUDY,
        "seeds": 1,
        "zip": [["sgd.lr", "sgd.momentum"]],
        "optimizers": [{"kind": "sgd", "lr": [0.1, 0.2], "momentum": [0.5, 0.6]}],
    },
}


def run(study, out=None, **how):
    return thalweg.run(study, out, executor="array", threads=1, **how)


def assert_same(found, expected):
    assert sorted(found.children) == sorted(expected.children)
    for group in expected.children:
        assert sorted(map(str, found[group].variables)) == sorted(map(str, expected[group].variables))
        for name in expected[group].variables:
            np.testing.assert_array_equal(found[group][name].values, expected[group][name].values)


def said(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def files(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def one_of_each(out):
    """The metadata of every group and array, and a chunk of each: the last one, which differs from array to array."""
    last = {(name.partition("/c/")[0], name.endswith("zarr.json")): name for name in files(out)}
    return [name for name in last.values() if name != "zarr.json"]


@pytest.mark.parametrize(("kind", "every"), few(product(STUDIES, (13, 1)), keep=[("swarm", 13), ("one seed", 13)]))
def test_every_file_that_is_lost_is_noticed_and_made_anew(tmp_path, kind, every):
    """Each file of the store in turn, chunks of variables, statistics, states and coordinates, metadata of arrays and groups, but the root's."""
    whole, out = tmp_path / "whole.zarr", tmp_path / "s.zarr"
    wanted = run(STUDIES[kind], whole)
    assert said("check", whole).exit_code == 0
    names = one_of_each(whole)
    assert len(names) > 15
    for k, name in enumerate(names[::every]):
        shutil.copytree(whole, out)
        (out / name).unlink()
        assert said("check", out).exit_code == 1, name
        if k % 2:
            assert "--resume" in said("check", out, "--repair").stdout, name
        run(STUDIES[kind], out, resume=True)
        assert said("check", out).exit_code == 0, name
        assert_same(thalweg.open_run(out), wanted)
        assert files(out) == files(whole), name
        shutil.rmtree(out)


@pytest.mark.parametrize(
    ("content", "every"), few(product((b"", b"\0" * 40, b'{"a": 1}', b"[", "half"), (31, 1)), keep=[(b"[", 31), ("half", 31)])
)
def test_every_file_that_is_damaged_is_noticed_and_made_anew(tmp_path, content, every):
    whole, out = tmp_path / "whole.zarr", tmp_path / "s.zarr"
    study = STUDIES["runs"]
    wanted = run(study, whole)
    for name in one_of_each(whole)[::every]:
        shutil.copytree(whole, out)
        (out / name).write_bytes((out / name).read_bytes()[: (out / name).stat().st_size // 2] if content == "half" else content)
        shown = said("check", out)
        assert shown.exit_code == 1, (name, shown.stdout)
        assert not any(word in shown.stdout for word in ("Error", "zarr.core", "codec", "numpy")), shown.stdout
        assert "--resume" in said("check", out, "--repair").stdout, name
        run(study, out, resume=True)
        assert said("check", out).exit_code == 0, name
        assert_same(thalweg.open_run(out), wanted)
        shutil.rmtree(out)


LOST = ["sgd/loss/c/0/0/0", "sgd/state/c/1/0/1/0", "adam/params/c/0/0/0", "adam/step/c/0", "sgd/lr/c/0", "sgd/last_step/c/0/0"]


@pytest.mark.parametrize("lost", few(LOST, keep=["sgd/state/c/1/0/1/0", "adam/step/c/0"]))
def test_whatever_reads_a_damaged_store_says_so_in_one_line(tmp_path, lost, monkeypatch, capsys):
    import sys

    from thalweg.engine.cli import main

    out, other = tmp_path / "s.zarr", tmp_path / "other.zarr"
    run(STUDIES["runs"], out)
    run({**STUDIES["runs"], "seeds": 2}, other)
    chunks = location.keys(zarr.open_group(str(out))[lost.partition("/c/")[0]])
    (out / lost.partition("/c/")[0] / "c" / min(chunks)).unlink()
    for words in (
        ["compare", out],
        ["plot", out, "--out", tmp_path / "p.png"],
        ["report", out, "--out", tmp_path / "r.html"],
        ["differ", out, "sgd", "adam"],
        ["verify", out],
        ["merge", other, out, "--out", tmp_path / "m.zarr"],
    ):
        monkeypatch.setattr(sys, "argv", ["thalweg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2, words
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert "is damaged: a chunk of" in line
        assert "--resume" in line
    assert not (tmp_path / "m.zarr").exists()
    run(STUDIES["runs"], out, resume=True)
    assert said("compare", out).exit_code == 0


def test_runs_that_all_diverge_leave_a_whole_store(tmp_path):
    """Nothing but NaN is stored like anything else; a state after the end of all runs is not."""
    study = {**STUDY, "optimizers": [{"kind": "sgd", "lr": 1e6}], "steps": 20, "record": {"every": 1, "state": [1, 18]}}
    for kind in (study, {**study, "record": {"stats": ["mean", "var", "quantiles"]}}):
        out = tmp_path / f"{len(kind['record'])}.zarr"
        tree = run(kind, out)
        assert (tree["sgd"].status == 2).all()
        assert said("check", out).exit_code == 0
        thalweg.open_run(out)
        for name in [n for n in files(out) if "/c/" in n and "/state/" not in n]:
            held = (out / name).read_bytes()
            (out / name).unlink()
            assert said("check", out).exit_code == 1, name
            (out / name).write_bytes(held)


@pytest.mark.parametrize("kind", ["runs", "statistics", "one seed"])
def test_a_store_of_an_earlier_version_left_out_chunks_of_nothing(tmp_path, kind):
    """As the format was: no chunk that is fill value throughout, mappings and truth values as root attributes. It is whole, and opens."""
    study = {**STUDIES[kind], "optimizers": [{"kind": "sgd", "lr": [1e6, 1e-3]}]}
    study = {**study, "zip": [], "record": {**study.get("record", {}), **({"variables": ["loss", "params"]} if kind == "runs" else {})}}
    out = tmp_path / "s.zarr"
    wanted = run(study, out)
    root = zarr.open_group(str(out), mode="r+", use_consolidated=False)
    packages = json.loads(str(root.attrs["packages"]))
    attributes = {key: value for key, value in root.attrs.items() if key != "every_chunk"} | {"packages": packages, "complete": True}
    root.attrs.put(attributes)
    with without_zarr_warnings():
        zarr.consolidate_metadata(root.store)
    if kind == "statistics":
        for name, array in root["sgd"].arrays():
            values = np.asarray(array[...])
            if name not in ("status", "lr", "step", "seed", "dim", "quantile"):
                array[...] = values  # Zarr leaves out what is empty
    else:
        for name in ("last_step", "seed"):
            array = root["sgd"][name]
            array[...] = np.asarray(array[...])
    assert said("check", out).exit_code == 0
    assert_same(thalweg.open_run(out), wanted)
    assert thalweg.open_run(out).attrs["complete"] == 1
    assert json.loads(thalweg.open_run(out).attrs["packages"]) == packages


def test_a_chunk_that_cannot_be_read_is_no_traceback(tmp_path, monkeypatch, capsys):
    import sys

    from thalweg.engine.cli import main

    out = tmp_path / "s.zarr"
    run(STUDY, out)
    chunk = next(p for p in sorted((out / "sgd" / "loss" / "c").rglob("*")) if p.is_file())
    for content in (chunk.read_bytes()[:-3], b"", b"\1" * 100):
        chunk.write_bytes(content)
        for words in (
            ["compare", out],
            ["plot", out, "--out", tmp_path / "p.png"],
            ["report", out, "--out", tmp_path / "r.html"],
        ):
            monkeypatch.setattr(sys, "argv", ["thalweg", *map(str, words)])
            with pytest.raises(SystemExit) as ended:
                main()
            line = capsys.readouterr().err
            assert ended.value.code == 2, line
            assert line.count("\n") == 1
            assert "thalweg check" in line


def test_a_damaged_store_is_not_merged(tmp_path):
    a, b = tmp_path / "a.zarr", tmp_path / "b.zarr"
    run(STUDY, a)
    run({**STUDY, "seeds": 2}, b)
    shutil.rmtree(a / "adam" / "average_loss" / "c")
    with pytest.raises(StoreError, match=r"a\.zarr: is damaged: a chunk of adam/average_loss is missing"):
        merge([a, b], tmp_path / "c.zarr")
    assert sum(len(f.damaged) for f in integrity.examine(a, repair=True)) == 1
    run(STUDY, a, resume=True)
    merge([a, b], tmp_path / "c.zarr", threads=1)
    assert_same(thalweg.open_run(tmp_path / "c.zarr"), thalweg.open_run(a))
