"""Compiled kernels on disk: hits in a new process, staleness, size, damage, many processes at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.repetitions import few
from thalweg.engine.cli import app
from thalweg.engine.cores import cores
from thalweg.engine.executors.codegen import disk_cache as cache
from thalweg.specs.errors import ThalwegError
from typer.testing import CliRunner

KERNEL = """import numba


@numba.njit(numba.float64(numba.float64), cache=True)
def f(x):
    return x + {number}
"""
CHILD = """
from thalweg.engine.executors.codegen import disk_cache as cache
module = cache.load({source!r})
print(module.f(1.0), sum(module.f.stats.cache_hits.values()))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache of this test's own."""
    monkeypatch.setenv("THALWEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_modules", {})
    cache.folder.cache_clear()
    yield tmp_path / "cache"
    cache.folder.cache_clear()


def child(source, folder, **more):
    """(result, cache hits) of a kernel in a new process."""
    environment = {**os.environ, "THALWEG_CACHE_DIR": str(folder), **more}
    done = subprocess.run([sys.executable, "-c", CHILD.format(source=source)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    value, hits = done.stdout.split()
    return float(value), int(hits)


def test_a_second_process_finds_the_machine_code(folder):
    source = KERNEL.format(number=1)
    for text, value in ((source, 2.0), (KERNEL.format(number=2), 3.0)):
        made = cache.load(text)
        assert (made.f(1.0), sum(made.f.stats.cache_hits.values())) == (value, 0)
    assert child(source, folder) == (2.0, 1)


def test_the_same_module_within_a_process(folder):
    source = KERNEL.format(number=3)
    assert cache.load(source) is cache.load(source)
    assert cache.load(source).f(1.0) == 4.0


@pytest.mark.parametrize(
    "name",
    ["cpu/elementary/float64.py", "cpu/llvm.py", "cpu/lane_functions.py", "cuda/elementary.py", "codegen/module_frame.py", "philox.py"],
)
def test_the_digest_stands_for_the_modules_that_kernels_import(folder, monkeypatch, tmp_path, name):
    before = cache.digest()
    copy = tmp_path / "executors"
    shutil.copytree(Path(cache.__file__).parents[1], copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "__file__", str(copy / "codegen" / "disk_cache.py"))
    changed = copy.joinpath(*name.split("/"))
    try:
        cache.digest.cache_clear()
        assert cache.digest() == before
        changed.write_text(changed.read_text() + "\n# changed\n")
        cache.digest.cache_clear()
        assert cache.digest() != before
    finally:
        cache.digest.cache_clear()


def test_many_processes_at_once(folder):
    source = KERNEL.format(number=4)
    environment = {**os.environ, "THALWEG_CACHE_DIR": str(folder)}
    command = [sys.executable, "-c", CHILD.format(source=source)]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.startswith("5.0")
    assert not list(folder.rglob("*.part"))


AHEAD = """
with compile_ahead.ahead([{source!r}]):
    pass
module = cache.load({source!r})
print(module.f(1.0), sum(module.f.stats.cache_hits.values()))
"""


WAYS = [
    ("", "1"),
    ("compile_ahead.cores = lambda: 1", "0"),
    ("import sys; sys.executable = ''", "0"),
    ("import sys; sys.executable = '/nowhere/python'", "0"),
    ("compile_ahead.START = 'raise SystemExit(1)'", "0"),
    ("compile_ahead.START, compile_ahead.PATIENCE = 'import time; time.sleep(60)', 0.1", "0"),
]


@pytest.mark.parametrize(("before", "hits"), few(WAYS, keep=[WAYS[0], WAYS[3], WAYS[5]]))
def test_another_process_compiles_meanwhile_or_this_one_does(folder, before, hits):
    source = KERNEL.format(number=8)
    program = f"from thalweg.engine.executors.codegen import disk_cache as cache\nfrom thalweg.engine.executors.cpu import compile_ahead\n{before}\n{AHEAD.format(source=source)}"
    if not before and cores() < 2:
        pytest.skip("there is one processor here")
    environment = {**os.environ, "THALWEG_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["9.0", hits]


@pytest.mark.full
def test_a_driver_compiled_without_what_is_linked_finds_it(folder):
    """The first start of a study, in two processes, gives the bits of the second."""
    if cores() < 2:
        pytest.skip("there is one processor here")
    program = """
import thalweg
spec = {"name": "t", "landscape": "river_valley", "optimizers": ["adam"], "seeds": 3, "steps": 70, "noise": {"kind": "gaussian", "scale": 0.1}}
print(thalweg.run(spec, executor="fused")["adam"].loss.values.tobytes().hex())
"""
    environment = {**os.environ, "THALWEG_CACHE_DIR": str(folder)}
    made = [
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_what_is_derived_is_kept(folder):
    calls = []

    @cache.disk_cached
    def derived(name, number):
        calls.append(name)
        if number < 0:
            raise ValueError("negative")
        return f"{name} {number}", 0.1

    assert derived("a", 2) == derived("a", 2) == ("a 2", 0.1)
    derived.cache_clear()  # as in a new process
    assert tuple(derived("a", 2)) == ("a 2", 0.1)
    assert calls == ["a"]
    (path,) = folder.rglob("t_*.json")
    path.write_text("[")
    derived.cache_clear()
    assert derived("a", 2) == ("a 2", 0.1)
    assert calls == ["a", "a"]
    for _ in range(2):
        with pytest.raises(ValueError, match="negative"):
            derived("a", -1)
    size = path.stat().st_size
    assert cache.clear() == (0, size)
    assert not path.exists()


@pytest.mark.parametrize("suffix", few([".nbi", ".nbc", ".py"], keep=[".nbc", ".py"]))
def test_a_damaged_file_is_compiled_again(folder, suffix):
    source = KERNEL.format(number=5)
    cache.load(source)
    for path in folder.rglob(f"k_*{suffix}"):
        path.write_bytes(path.read_bytes()[:20])
        if suffix == ".py":
            os.utime(path, (1_000_000_000, 1_000_000_000))
    assert child(source, folder)[0] == 6.0


def test_a_folder_that_cannot_be_written_is_replaced_for_this_process(tmp_path):
    (tmp_path / "file").write_text("")
    assert child(KERNEL.format(number=6), tmp_path / "file" / "cache") == (7.0, 0)


def test_the_least_recently_used_kernels_go_first(folder, monkeypatch):
    for number in range(4):
        cache.load(KERNEL.format(number=10 + number))
        path = cache.place(KERNEL.format(number=10 + number))
        os.utime(path.with_suffix(".used"), (1000 + number, 1000 + number))
    sizes = [size for _, size, _ in cache.entries()]
    monkeypatch.setenv("THALWEG_CACHE_SIZE", str(sum(sizes) - 1))
    cache.prune(keep=[])
    left = {path for path, _, _ in cache.entries()}
    assert cache.place(KERNEL.format(number=10)) not in left
    assert len(left) == 3
    cache.prune(keep=[])
    assert len(cache.entries()) == 3


def test_a_size_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE_SIZE", "much")
    with pytest.raises(ThalwegError, match="write a size such as 200MB"):
        cache.limit()


def test_the_command_shows_and_clears_only_what_is_ours(folder):
    cache.load(KERNEL.format(number=7))
    (folder / "mine.txt").write_text("keep")
    shown = CliRunner().invoke(app, ["cache"])
    assert "1 kernels" in shown.stdout
    cleared = CliRunner().invoke(app, ["cache", "clear"])
    assert "cleared 1 kernels" in cleared.stdout
    assert (folder / "mine.txt").read_text() == "keep"
    assert not list(folder.rglob("k_*.py"))
    assert CliRunner().invoke(app, ["cache", "sweep"]).exit_code != 0
