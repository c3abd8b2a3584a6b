"""--overwrite: whatever moment it is cut off at, what lies there is a whole store, an unfinished one or none, and never half of one."""

import contextlib
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import thalweg
import zarr
from helpers.repetitions import few
from thalweg.engine.cli import app, main
from thalweg.engine.store import lock, replace
from thalweg.engine.store.durable import DurableStore
from thalweg.engine.store.integrity import examine
from thalweg.engine.store.open import open_root, without_zarr_warnings
from thalweg.specs.errors import StoreError
from typer.testing import CliRunner

OLD = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd", {"kind": "adam", "lr": [0.1, 0.2]}], "steps": 4, "seeds": 2}
NEW = {**OLD, "optimizers": ["sgd", "lion"], "seeds": 3, "noise": {"kind": "gaussian", "scale": 0.1}}

DRIVER = r"""
import json, os, shutil, sys
import filelock, numcodecs.blosc, thalweg, xarray, xarray.backends.zarr, zarr.codecs
from thalweg.engine.store import open as opening, store, replace, durable, integrity
from thalweg.engine.runner import threads, merge
from thalweg.engine.claims import verdict
from thalweg.engine import accessor

for text in sys.argv[2:4]:
    threads.compute(thalweg.check(json.loads(text)), "array", 1)  # imports all there is, and starts none of Zarr's threads
folder, old, new = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
out, room = os.path.join(folder, "s.zarr"), None
events = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}


def in_child(work, *args):
    # what it printed, or None if it was killed; a child has threads of its own
    read, write = os.pipe()
    if not (child := os.fork()):
        os.close(read)
        try:
            text = json.dumps(work(*args))
        except BaseException as error:
            text = json.dumps(f"{type(error).__name__}: {error}")
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def run(study, at, **how):
    count, seen = 0, []

    def hook(event, given):
        nonlocal count
        if event == "open":
            path, mode, flags = given
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event not in events:
            return
        if not str(given[0]).startswith(folder):
            return
        count += 1
        seen.append(os.path.dirname(str(given[0])) == folder)
        if count == at:
            os._exit(9)

    sys.addaudithook(hook)
    thalweg.run(study, out, executor="array", threads=1, **how)
    return seen


def resume(study):
    thalweg.run(study, out, resume=True, executor="array", threads=1)
    return True


def state():
    found = integrity.examine(out)
    names = [o["kind"] for o in opening.stored_study(out)["optimizers"]]
    return ["new" if "lion" in names else "old", sum(f.shards - f.done for f in found), sum(len(f.damaged) for f in found)]


def bits():
    tree = thalweg.open_run(out)
    return {f"{g}/{v}": tree[g][v].values.tobytes().hex() for g in sorted(tree.children) for v in sorted(tree[g].data_vars)}


def after(killed):
    # what is there, and what becomes of it
    there = state()
    whole = there[0] != "old" or bits() == wanted["old"]
    resume(old if there[0] == "old" else new)
    resumed = bits() == wanted["old" if there[0] == "old" else "new"]
    run(new, -1, overwrite=True)
    return {"killed": killed, "there": there, "whole": whole, "resumed": resumed, "overwritten": bits() == wanted["new"]}


def reset():
    for name in os.listdir(folder):
        (shutil.rmtree if os.path.isdir(os.path.join(folder, name)) else os.unlink)(os.path.join(folder, name))


def fresh(study):
    thalweg.run(study, out, executor="array", threads=1)
    return bits()


in_child(reset)
wanted = {"new": in_child(fresh, new)}
in_child(reset)
wanted["old"] = in_child(fresh, old)
kept = folder + "-kept"
shutil.copytree(folder, kept)
open(os.path.join(kept, "s.zarr", "notes.txt"), "w").write("mine")


def restore():
    reset()
    shutil.copytree(kept, folder, dirs_exist_ok=True)


restore()
seen = in_child(lambda: run(new, -1, overwrite=True))
beside = [k + 1 for k, top in enumerate(seen) if top]  # the store's own folder and those beside it
inside = [k + 1 for k, top in enumerate(seen) if not top]
for at in sorted({*beside[:: int(sys.argv[5])], *inside[:: max(1, len(inside) // int(sys.argv[4]))]}):
    restore()
    killed = in_child(lambda: run(new, at, overwrite=True)) is None
    found = in_child(after, killed)
    rest = {"notes": os.path.exists(os.path.join(out, "notes.txt")), "left": sorted(os.listdir(folder))}
    print(json.dumps({"at": at, **(found if isinstance(found, dict) else {"error": found}), **rest}), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
@pytest.mark.parametrize(("inside", "every"), few([(2, 7), (2, 1), (300, 1)], keep=[(2, 7)]))
def test_an_overwriting_run_killed_at_any_of_its_file_operations(tmp_path, inside, every):
    """Every rename, removal, folder and file of the whole run, from the lock to the end: about as many as this inside the store, and each or every
    seventh beside it."""
    (tmp_path / "f").mkdir()
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [
        sys.executable,
        "-c",
        DRIVER,
        str(tmp_path / "f"),
        json.dumps(OLD),
        json.dumps(NEW),
        str(inside),
        str(every),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1000, env=environment)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > min(inside, 100)
    for one in found:
        assert one["killed"] or one["there"] == ["new", 0, 0], one  # threads that make folders at once may need fewer operations
        assert one["there"] in (["old", 0, 0], ["new", 2, 0], ["new", 1, 0], ["new", 0, 0]), one
        assert (one["whole"], one["resumed"], one["overwritten"], one["notes"]) == (True, True, True, True), one
        assert one["left"] == ["s.zarr"], one
    assert {one["there"][0] for one in found} == {"old", "new"}
    assert sum(one["killed"] for one in found) > len(found) - 5


def run(study, out, **how):
    return thalweg.run(study, out, executor="array", threads=1, **how)


def said(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("call", ["put", "flush", "rename"])
def test_a_new_store_that_cannot_be_made_leaves_the_old_one(tmp_path, monkeypatch, call):
    """A full disk while the arrays are laid out, while they are flushed, or a rename that fails: the old store is as it was."""
    out = tmp_path / "s.zarr"
    run(OLD, out)
    before, honest, calls = content(out), Path.rename, []

    def fails(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def second(self, goal):
        calls.append(self)
        return fails() if len(calls) == 2 else honest(self, goal)

    if call == "rename":
        monkeypatch.setattr(Path, "rename", second)
    else:
        monkeypatch.setattr(replace if call == "put" else DurableStore, call, fails)
    with pytest.raises(StoreError, match="cannot be written: No space left on device"):
        run(NEW, out, overwrite=True)
    monkeypatch.undo()
    assert content(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["s.zarr"]


def test_only_stores_of_thalwegs_are_replaced(tmp_path):
    """A group or an array of others, a folder, a file."""
    made = {name: tmp_path / name for name in ("group.zarr", "array.zarr", "folder", "file")}
    zarr.create_group(str(made["group.zarr"]), attributes={"study": "mine"}).create_array("a", data=np.ones(3))
    zarr.create_array(str(made["array.zarr"]), data=np.ones(3))
    made["folder"].mkdir()
    (made["folder"] / "mine.txt").write_text("mine")
    made["file"].write_text("mine")
    before = content(tmp_path)
    for path in made.values():
        with pytest.raises(StoreError, match="so --overwrite does not touch it"):
            run(NEW, path, overwrite=True)
    assert content(tmp_path) == before


def test_what_is_not_thalwegs_stays_and_is_named(tmp_path, capsys):
    """Files, folders, groups and arrays of others, at any depth, and links, which are not followed."""
    out, other = tmp_path / "s.zarr", tmp_path / "other.txt"
    run(OLD, out)
    other.write_text("other")
    mine = ("notes.txt", "sgd/notes.txt", "figures/a/b.png", "sgd/loss/c/0/mine.npy", "adam/plots/x.png")
    for name in mine:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)
    (out / "link").symlink_to(other)
    (out / "links").symlink_to(tmp_path)
    root = zarr.open_group(str(out), mode="r+")
    root.create_group("analysis").create_array("a", data=np.arange(3), dimension_names=["mine"])
    root["sgd"].create_array("mean_loss", data=np.arange(4.0), dimension_names=["mine"])
    capsys.readouterr()
    run(NEW, out, overwrite=True)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "kept what is not thalweg's: adam/plots/x.png, analysis/a/c/0, " in line
    assert {name: (out / name).read_text() for name in mine} == {name: name for name in mine}
    assert (out / "link").is_symlink()
    assert (out / "links").is_symlink()
    assert other.read_text() == "other"
    held = zarr.open_group(str(out), mode="r", use_consolidated=False)
    np.testing.assert_array_equal(held["analysis/a"][...], np.arange(3))
    np.testing.assert_array_equal(held["sgd/mean_loss"][...], np.arange(4.0))
    assert said("check", out).exit_code == 0
    assert said("compare", out).exit_code == 0
    assert "adam" not in thalweg.open_run(out).children or not thalweg.open_run(out)["adam"].data_vars


def test_a_file_of_others_where_the_new_store_has_its_own_is_refused(tmp_path):
    out = tmp_path / "s.zarr"
    run(OLD, out)
    (out / "lion").write_text("mine")
    before = content(out)
    with pytest.raises(StoreError, match=r"holds lion, which is not thalweg's .* move it away first"):
        run(NEW, out, overwrite=True)
    assert content(out) == before


def test_a_store_behind_a_link_is_replaced_where_it_lies(tmp_path):
    real, link = tmp_path / "disk" / "s.zarr", tmp_path / "s.zarr"
    real.parent.mkdir()
    run(OLD, real)
    link.symlink_to(real)
    run(NEW, link, overwrite=True)
    assert link.is_symlink()
    assert sorted(thalweg.open_run(real).children) == ["lion", "sgd"]


def test_the_store_that_a_branch_goes_on_from_is_not_replaced_by_it(tmp_path):
    out = tmp_path / "s.zarr"
    run({**OLD, "record": {"state": [2]}}, out)
    before = content(out)
    shown = said("branch", out, "--at", "2", "--out", out, "--overwrite")
    assert "is the store that the runs continue" in str(shown.exception)
    assert content(out) == before


@pytest.mark.parametrize("after", range(6))
def test_a_remote_store_that_is_cut_off_while_it_is_replaced(after):
    """Each request that deletes or writes fails in turn: nothing looks whole, readers say so, and resuming makes the new store."""
    import fsspec

    url, system = f"memory://replace{after}/s.zarr", fsspec.filesystem("memory")
    run(OLD, url)
    system.pipe_file(f"/replace{after}/s.zarr/notes.txt", b"mine")
    calls, honest = [], {name: getattr(type(system), name) for name in ("rm", "pipe_file")}

    def cut(name):
        def request(self, *args, **options):
            calls.append(name)
            if len(calls) > after:
                raise ConnectionError("the server went away")
            return honest[name](self, *args, **options)

        return request

    with pytest.MonkeyPatch.context() as patch:
        for name in honest:
            patch.setattr(type(system), name, cut(name))
        with contextlib.suppress(StoreError):
            run(NEW, url, overwrite=True)
    if len(calls) > after:
        if after == 0:
            assert sum(f.shards - f.done + len(f.damaged) for f in examine(url)) == 0
            assert sorted(thalweg.open_run(url).children) == ["adam", "sgd"]
        else:
            assert sum(f.done for f in examine(url)) == 0
            if "clearing" in open_root(url).attrs:
                with pytest.raises(StoreError, match="a run that was to replace it was cut off"):
                    thalweg.open_run(url)
            run(NEW, url, resume=True)
    if after:
        found, wanted = thalweg.open_run(url), run(NEW, None)
        for group in wanted.children:
            for name in wanted[group].data_vars:
                np.testing.assert_array_equal(found[group][name].values, wanted[group][name].values)
        assert sorted(found.children) == ["lion", "sgd"]
    assert system.cat_file(f"/replace{after}/s.zarr/notes.txt") == b"mine"


@pytest.mark.parametrize("place", ["", "/", "file", "file:///", "/dev/null/s.zarr", "n" * 300])
def test_a_place_that_can_hold_no_store_is_one_line(tmp_path, monkeypatch, capsys, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "s.yaml").write_text(json.dumps(OLD))
    for more in ([], ["--overwrite"], ["--resume"]):
        monkeypatch.setattr(sys, "argv", ["thalweg", "run", "s.yaml", "--out", place, "--executor", "array", *more])
        with pytest.raises(SystemExit) as ended:
            main()
        line = capsys.readouterr().err
        assert ended.value.code == 2, line
        assert line.startswith("error: ")
        assert line.count("\n") == 1
        assert "another process" not in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "s.yaml"]


def test_a_file_url_is_a_path(tmp_path):
    run(OLD, f"file://{tmp_path}/s.zarr")
    assert said("check", tmp_path / "s.zarr").exit_code == 0
    assert lock.is_store(f"file://{tmp_path}/s.zarr")
    with pytest.raises(StoreError, match="exists already"):
        run(OLD, tmp_path / "s.zarr")


@pytest.mark.parametrize("study", [None, "", "{", "3", "[]", '{"name": "s"}', "unknown kind", "no steps"])
def test_a_store_whose_study_cannot_be_read_is_one_line(tmp_path, monkeypatch, capsys, study):
    out, other = tmp_path / "s.zarr", tmp_path / "o.zarr"
    run(OLD, out)
    run(OLD, other)
    root = zarr.open_group(str(out), mode="r+")
    stored = json.loads(str(root.attrs["study"]))
    if study == "unknown kind":
        stored["optimizers"][0]["kind"] = "gone_with_its_package"
        study = json.dumps(stored)
    elif study == "no steps":
        study = json.dumps({key: value for key, value in stored.items() if key != "steps"})
    root.attrs.put({key: value for key, value in root.attrs.items() if key != "study"} | ({} if study is None else {"study": study}))
    with without_zarr_warnings():
        zarr.consolidate_metadata(root.store)
    compared = "gone_with" in str(study) or "seeds" in str(study)  # losses need no study that can be made
    for words in (
        ["plot", out, "--out", tmp_path / "p.png"],
        ["check", out],
        ["verify", out],
        ["merge", out, other, "--out", tmp_path / "m.zarr"],
        *(
            []
            if compared
            else [["compare", out], ["report", out, "--out", tmp_path / "r.html"], ["differ", out, "sgd", "adam"], ["run", out, "--resume"]]
        ),
    ):
        monkeypatch.setattr(sys, "argv", ["thalweg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        line = capsys.readouterr().err
        assert ended.value.code == 2, words
        assert line.count("\n") == 1, line
        assert not any(word in line for word in ("validation error", "pydantic", "Traceback", "Error:")), line
        if "gone_with" in str(study):
            assert "gone_with_its_package" in line
            assert len(line) < 600
    assert not (tmp_path / "m.zarr").exists()
