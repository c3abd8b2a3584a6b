"""What goes wrong loses nothing: kills, failing disks, damaged chunks, vanishing places, two writers at once."""

import contextlib
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine.cli import app, main
from thalweg.engine.executors.memory import of_shard
from thalweg.engine.runner import threads
from thalweg.engine.runner.dask_cluster import outcome, run_shard
from thalweg.engine.store import lock
from thalweg.engine.store.integrity import examine
from thalweg.engine.store.store import Store
from thalweg.specs.errors import RunError, SpecError, StoreError
from typer.testing import CliRunner

CLI = [sys.executable, "-m", "thalweg"]
OTHERS = pytest.mark.filterwarnings("ignore")
"""Dask and moto leave sockets open and warn of their own affairs."""
STUDY = {
    "name": "s",
    "landscape": {"kind": "rosenbrock", "dim": 4},
    "init": {"kind": "normal"},
    "noise": {"kind": "gaussian", "scale": 0.1},
    "optimizers": [{"kind": "sgd", "lr": [1e-4, 1e-3]}, {"kind": "adam", "lr": 0.01}],
    "seeds": 20_000,
    "steps": 40,
    "record": {"every": 10},
}


def assert_same(found, expected):
    for group in expected.children:
        for name in expected[group].data_vars:
            np.testing.assert_array_equal(found[group][name].values, expected[group][name].values)


def damaged(path):
    return sum(len(f.damaged) for f in examine(path))


@pytest.mark.parametrize("most", few([3, 50 if os.environ.get("THALWEG_VERIFY") else 6], keep=[3]))
def test_a_run_killed_at_random_moments_ends_as_an_undisturbed_one(tmp_path, most):
    """Every shard said to be complete is whole after every kill, and every store that gets finished is the same; `make verify` kills 6 times, and
    50 with THALWEG_VERIFY=1. A kill comes up to a second after the lock is taken: while the arrays are made, while runs are computed or written."""
    settings, out = ["seeds=100", "steps=1500", "record.every=150"], tmp_path / "cut.zarr"
    spec = ["run", "river_valley", *(f"--set={setting}" for setting in settings)]
    command = [*CLI, *spec, "--executor", "array", "--out", out.name, "--resume"]
    whole = thalweg.run("river_valley", settings=settings, executor="array")
    rng, kills, finished = random.Random(0), 0, 0
    while kills < most or not finished:
        (tmp_path / ".cut.zarr.lock").unlink(missing_ok=True)
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while kills < most and process.poll() is None and not (tmp_path / ".cut.zarr.lock").exists():
            time.sleep(0.002)
        try:
            _, said = process.communicate(timeout=rng.uniform(0.0, 1.0) ** 2 if kills < most else 300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            if lock.is_store(out):
                assert damaged(out) == 0
            continue
        assert process.returncode == 0, said
        assert_same(thalweg.open_run(out), whole)
        assert not [*out.rglob("*.partial")]
        finished += 1
        if kills < most:
            shutil.rmtree(out)
    assert not [path.name for path in tmp_path.iterdir() if path != out]


@pytest.mark.parametrize("after", few([0, 3, 7], keep=[3]))
def test_a_full_disk_ends_the_run_with_one_line_and_resuming_finishes_it(tmp_path, monkeypatch, after):
    out, written, honest = tmp_path / "s.zarr", [0], Store.write

    def full(self, *args):
        written[0] += 1
        if written[0] > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        honest(self, *args)

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(StoreError, match=r"writing stopped: No space left on device; what is complete is kept"):
        thalweg.run(STUDY, out)
    monkeypatch.undo()
    assert damaged(out) == 0
    assert_same(thalweg.run(STUDY, out, resume=True), thalweg.run(STUDY))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MB, where the rights to mount one are given."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no right to mount a tmpfs: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("after", few([0, 4], keep=[4]))
def test_a_disk_that_others_fill_up_ends_the_run_and_resuming_finishes_it(small_disk, monkeypatch, after):
    """The operating system's own ENOSPC, from whichever of the store's calls meets it first."""
    out, other, written, honest = small_disk / "s.zarr", small_disk / "other", [0], Store.write

    def write(self, *args):
        written[0] += 1
        if written[0] == after + 1:
            with contextlib.suppress(OSError), other.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
        honest(self, *args)

    monkeypatch.setattr(Store, "write", write)
    with pytest.raises(StoreError, match=r"writing stopped: No space left on device; what is complete is kept"):
        thalweg.run(STUDY, out)
    monkeypatch.undo()
    assert damaged(out) == 0
    assert sum(f.done for f in examine(out)) < sum(f.shards for f in examine(out))
    assert thalweg.open_run(out)["sgd"].loss.shape
    other.unlink()
    assert_same(thalweg.run(STUDY, out, resume=True), thalweg.run(STUDY))


def test_a_damaged_chunk_is_found_and_made_anew(tmp_path):
    out = tmp_path / "s.zarr"
    thalweg.run(STUDY, out)
    assert damaged(out) == 0
    chunk = next(p for p in sorted((out / "sgd" / "params" / "c").rglob("*")) if p.is_file())
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(bytes(content))
    shown = CliRunner().invoke(app, ["check", str(out)])
    assert shown.exit_code == 1
    assert "1 damaged" in shown.stdout
    assert "--resume" in CliRunner().invoke(app, ["check", str(out), "--repair"]).stdout
    assert CliRunner().invoke(app, ["run", str(out), "--resume", "-q"]).exit_code == 0
    assert "complete and undamaged" in CliRunner().invoke(app, ["check", str(out)]).stdout
    assert_same(thalweg.open_run(out), thalweg.run(STUDY))


def test_an_unfinished_store_says_so_and_a_study_is_still_checked(tmp_path):
    out = tmp_path / "s.zarr"
    thalweg.run(STUDY, out)
    Store.resume(out, thalweg.check(STUDY)).reopen_shard(next(thalweg.check(STUDY).groups[0].shards()))
    shown = CliRunner().invoke(app, ["check", str(out)])
    assert shown.exit_code == 1
    assert "shards left to compute: 1" in shown.stdout


SMALL = {**STUDY, "seeds": 20}
"""For what does not depend on how many shards there are."""


HALF_MADE = ["zarr.json", "sgd", "adam", "adam/status", "adam/loss adam/params adam/last_step adam/status"]


@pytest.mark.parametrize("lost", few(HALF_MADE, keep=[HALF_MADE[0], HALF_MADE[-1]]))
def test_a_store_cut_off_while_its_arrays_were_made_is_finished(tmp_path, lost):
    out = tmp_path / "s.zarr"
    thalweg.run(SMALL, out)
    if lost == "zarr.json":  # the first of all files
        shutil.rmtree(out)
        out.mkdir()
        (out / "zarr.0123.partial").write_bytes(b"{")
    for name in lost.split() if lost != "zarr.json" else ():
        shutil.rmtree(out / name)
    if lost != "zarr.json":
        assert damaged(out) == 0
        assert "shards left to compute: 1" in CliRunner().invoke(app, ["check", str(out)]).stdout
    assert_same(thalweg.run(SMALL, out, resume=True), thalweg.run(SMALL))
    assert not [*out.glob("*.partial")]


def test_shards_that_do_not_fit_into_memory_together_are_refused_before_the_start(tmp_path, monkeypatch):
    one = max(map(of_shard, thalweg.check(STUDY).groups))
    monkeypatch.setattr("thalweg.engine.api.available_memory", lambda: 3 * one)
    with pytest.raises(SpecError, match=r"8 shards at a time need about .* of memory and .* are free; use --threads 3$"):
        thalweg.run(STUDY, tmp_path / "s.zarr", threads=8)
    with pytest.raises(SpecError, match=r"use --workers 3$"):
        thalweg.run(STUDY, tmp_path / "s.zarr", workers=8)
    assert not (tmp_path / "s.zarr").exists()


def test_repair_waits_for_nobody_and_errors_of_the_system_are_one_line(tmp_path, monkeypatch, capsys):
    out = tmp_path / "s.zarr"
    thalweg.run(SMALL, out)
    with lock.locked(out), pytest.raises(StoreError, match="another process is writing it"):
        examine(out, repair=True)
    monkeypatch.setattr(sys, "argv", ["thalweg", "check", str(out)])

    def refused(*args, **options):
        raise PermissionError(errno.EACCES, "Permission denied", "secret")

    monkeypatch.setattr("thalweg.engine.store.integrity._examined", refused)
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err == "error: secret: Permission denied\n"
    monkeypatch.setattr(shutil, "rmtree", refused)
    with pytest.raises(StoreError, match=r"s\.zarr: cannot be written: Permission denied"):
        thalweg.run(SMALL, out, overwrite=True)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what os.fsync was given is seen in /proc")
def test_data_are_on_the_disk_before_the_mark_gets_its_name(tmp_path, monkeypatch):
    """Seen from os.fsync and the renames: what a mark speaks of, and the folders that name it, are flushed before; the mark's content, too."""
    flushed, marks, honest, rename, out = set(), [], os.fsync, Path.replace, tmp_path / "s.zarr"

    def fsync(number):
        flushed.add(Path(f"/proc/self/fd/{number}").readlink())
        honest(number)

    def replace(self, target):
        if "status" in Path(target).parts:
            there = [path for path in out.rglob("*") if path.is_file() and "status" not in path.parts]
            missing = [path for path in there if {path, path.parent, path.parent.parent} - flushed]
            marks.append(missing if self in flushed else [self])
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    thalweg.run({**SMALL, "optimizers": ["sgd"]}, out, threads=1)
    assert marks[-1:] == [[]]
    assert {out, tmp_path} <= flushed


@pytest.mark.parametrize("size", [0, 2**20], ids=["small", "large"])
def test_a_flush_that_fails_is_owed_to_the_next_mark(tmp_path, monkeypatch, size):
    """Whether it waits for the mark or, of a large file, has begun before."""
    from thalweg.engine.store.durable import DurableStore
    from zarr.storage import LocalStore

    store = DurableStore(LocalStore(tmp_path / "s"))
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "loss").touch()

    def full(number):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", full)
    store.wrote("loss", size)
    assert len(store.begun) == (size > 0)
    with pytest.raises(OSError, match="Input/output error"):
        store.mark(tmp_path / "s" / "status", b"\1")
    assert list(store.pending) == [tmp_path / "s" / "loss"]
    assert not (tmp_path / "s" / "status").exists()


@pytest.mark.parametrize("way", ["set", "set_if_not_exists", "set_sync"])
def test_whichever_way_a_file_is_written_the_next_mark_flushes_it(tmp_path, way):
    """Zarr may write by any of its stores' methods, other versions by others."""
    from thalweg.engine.store.durable import DurableStore
    from thalweg.engine.store.location import wait_for
    from zarr.buffer.cpu import Buffer
    from zarr.storage import LocalStore

    store = DurableStore(LocalStore(tmp_path))

    def write(key):
        work = getattr(store, way)(key, Buffer.from_bytes(b"12"))
        return work if work is None else wait_for(work)

    write("sgd/loss/c/0")
    assert list(store.pending) == [tmp_path / "sgd/loss/c/0"]
    write("sgd/status/c/0")
    if way != "set_if_not_exists":  # which nothing gives marks to
        assert list(store.pending) == [tmp_path / "sgd/status/c/0"]
    assert (tmp_path / "sgd/status/c/0").read_bytes() == b"12"
    with pytest.raises(ValueError, match="read"):
        store.with_read_only(True).mark(tmp_path / "sgd/status/c/0", b"34")


def test_a_store_goes_on_from_any_folder_but_not_with_other_data(tmp_path, monkeypatch):
    """Files may move, and the study may be named by another path; their content may not change."""
    (tmp_path / "u").mkdir()
    table, spec, out = tmp_path / "u" / "d.csv", tmp_path / "u" / "s.yaml", tmp_path / "s.zarr"
    table.write_text("a,y\n1,0\n2,1\n3,0\n")
    land = {"kind": "logistic_regression", "data": {"file": "d.csv", "y": "y"}}
    spec.write_text(json.dumps({"name": "s", "landscape": land, "optimizers": ["sgd"], "steps": 5}))
    monkeypatch.chdir(tmp_path)
    thalweg.run("u/s.yaml", out)
    monkeypatch.chdir(tmp_path / "u")
    thalweg.run("s.yaml", out, resume=True)
    monkeypatch.chdir("/")
    assert CliRunner().invoke(app, ["run", str(out), "--resume", "-q"]).exit_code == 0
    (tmp_path / "u").rename(tmp_path / "w")
    thalweg.run(tmp_path / "w" / "s.yaml", out, resume=True)
    (tmp_path / "w" / "d.csv").write_text("a,y\n1,0\n2,1\n3,1\n")
    with pytest.raises(StoreError, match=r"begun with other data: the content of landscape\.data has changed"):
        thalweg.run(tmp_path / "w" / "s.yaml", out, resume=True)


def test_two_processes_do_not_write_one_store(tmp_path):
    out = tmp_path / "s.zarr"
    code = f"import sys, time\nfrom thalweg.engine.store.lock import locked\nwith locked({str(out)!r}):\n print('held', flush=True)\n time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another process is writing it"):
            thalweg.run(STUDY, out)
        assert not out.exists()
        holder.send_signal(signal.SIGKILL)
    thalweg.run(STUDY, out)
    assert [p.name for p in tmp_path.iterdir()] == ["s.zarr"]


def test_a_rule_that_raises_is_named_and_the_rest_is_kept(tmp_path, monkeypatch):
    from thalweg.optimizers.adam import Adam

    def broken(*args, **fields):
        raise ZeroDivisionError("in the plug-in")

    monkeypatch.setattr(Adam, "update", staticmethod(broken))
    monkeypatch.setattr(Adam, "inputs", classmethod(lambda cls: ("lr",)))
    with pytest.raises(RunError, match="rosenbrock with adam raised ZeroDivisionError: in the plug-in; what is complete is kept") as caught:
        thalweg.run(STUDY, tmp_path / "s.zarr", executor="array", threads=1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert damaged(tmp_path / "s.zarr") == 0


def test_a_read_only_target_is_one_line(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be written"):
        thalweg.run(STUDY, tmp_path / "s.zarr")


def test_remote_stores_keep_the_same_promises():
    url = "memory://faults/s.zarr"
    assert_same(thalweg.run(STUDY, url), thalweg.run(STUDY))
    with pytest.raises(StoreError, match="exists already"):
        thalweg.run(STUDY, url)
    thalweg.run(STUDY, url, resume=True)
    thalweg.run(STUDY, url, overwrite=True)
    assert damaged(url) == 0
    assert lock.exists(url)
    with pytest.raises(StoreError, match="cannot be reached: Protocol not known"):
        thalweg.run(STUDY, "nowhere://a/s.zarr")


@pytest.fixture
def bucket(monkeypatch):
    """A real S3 interface on loopback, and how to stop it."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    import boto3

    server = server_module.ThreadedMotoServer(port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="runs")
    yield server
    server.stop()


@OTHERS
@pytest.mark.parametrize("seeds", few([20, STUDY["seeds"]], keep=[20]))
def test_s3_and_a_server_that_goes_away(bucket, monkeypatch, seeds):
    url, study = "s3://runs/s.zarr", {**STUDY, "seeds": seeds}
    assert_same(thalweg.run(study, url), thalweg.run(study))
    assert damaged(url) == 0
    honest = threads.ShardRun.write

    def last(self, block):
        honest(self, block)
        raise ConnectionError("the server went away")

    monkeypatch.setattr(threads.ShardRun, "write", last)
    with pytest.raises(StoreError, match="the server went away; what is complete is kept"):
        thalweg.run(study, url, overwrite=True)
    monkeypatch.undo()


@OTHERS
@pytest.mark.parametrize("kill", few([False, True], keep=[True]))
def test_dask_workers_make_the_same_bits_even_if_one_dies(tmp_path, kill):
    distributed = pytest.importorskip("distributed")
    study = {**STUDY, "steps": 400} if kill else STUDY
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        if kill:
            import threading

            victim = next(iter(cluster.workers.values())).pid
            threading.Thread(target=lambda: (time.sleep(1.0), os.kill(victim, signal.SIGKILL)), daemon=True).start()
        made = thalweg.run(study, tmp_path / "s.zarr", scheduler=cluster.scheduler_address)
    assert_same(made, thalweg.run(study))
    assert damaged(tmp_path / "s.zarr") == 0


def test_a_shard_that_dask_gave_up_is_one_line_that_says_how_to_go_on():
    killed = pytest.importorskip("distributed.scheduler").KilledWorker("shard", None, 3)
    for raised, message in (
        (killed, "one shard's worker died 4 times"),
        (OSError("gone"), "the cluster gave up on a shard: OSError: gone"),
    ):
        future = Future()
        future.set_exception(raised)
        with pytest.raises(StoreError, match=rf"{message}.*is kept, continue with: thalweg run a\.zarr --resume"):
            outcome(future, Store(None, plan=None, target="a.zarr"))  # type: ignore[arg-type]


def test_a_worker_of_another_version_refuses(tmp_path, monkeypatch):
    out = tmp_path / "s.zarr"
    thalweg.run(STUDY, out)
    monkeypatch.setattr("thalweg.engine.store.provenance.OWN_VERSION", "0.0")
    said = run_shard(thalweg.load_study(STUDY).model_dump_json(), (None, None), str(out), 0, 0, "array")
    assert said is not None
    assert f"was begun with thalweg {thalweg.__version__}" in said


@pytest.mark.full
@OTHERS
def test_an_adaptive_cluster_grows_from_nothing(tmp_path):
    """All nine shards wait while there is no worker yet: by what waits the cluster knows how far to grow."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(thalweg.run, STUDY, tmp_path / "s.zarr", scheduler=cluster.scheduler_address)
            deadline = time.monotonic() + 60
            while len(cluster.scheduler.tasks) < 9 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert len(cluster.scheduler.tasks) == 9
            adaptive = cluster.adapt(minimum=0, maximum=2, interval="200ms", target_duration="200ms")
            assert_same(made.result(), thalweg.run(STUDY))
        assert max(wanted["n"] for _, wanted in adaptive.log if wanted["status"] == "up") == 2


@OTHERS
def test_what_workers_need_is_asked_for(tmp_path):
    pytest.importorskip("distributed")
    with pytest.raises(StoreError, match="give `out`"):
        thalweg.run(STUDY, workers=2)
    with pytest.raises(StoreError, match="cannot be reached"):
        thalweg.run(STUDY, tmp_path / "s.zarr", scheduler="nonsense")
    assert Path(tmp_path).exists()
