"""The kernel cache runs nothing but what this user's thalweg left there, and mends the rest, saying so once."""

import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.repetitions import few

KERNEL = """import numba


@numba.njit(numba.float64(numba.float64), cache=True)
def f(x):
    return x + 1
"""
CHILD = f"""
from thalweg.engine.executors.codegen import disk_cache as cache
@cache.disk_cached
def derived(name):
    return name + "!", 0.1
module = cache.load({KERNEL!r})
print(module.f(1.0), sum(module.f.stats.cache_hits.values()), *derived("a"))
"""
posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of POSIX")


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def child(folder):
    """(cache hits, what was said) of a kernel and a derived text in a new process."""
    environment = {**os.environ, "THALWEG_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    value, hits, text, number = done.stdout.split()
    assert (value, text, number) == ("2.0", "a!", "0.1")
    return int(hits), done.stderr


def one(folder, pattern):
    (found,) = folder.rglob(pattern)
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache that holds a kernel and a derived text."""
    folder = tmp_path_factory.mktemp("trust") / "cache"
    assert child(folder) == (0, "")
    assert child(folder) == (1, "")
    return folder


@pytest.fixture
def folder(filled, tmp_path):
    return Path(shutil.copytree(filled, tmp_path / "cache"))


CASES = [
    *(("k_*.py", how) for how in ("code", "empty", "truncated")),
    *((pattern, how) for pattern in ("*.nbi", "*.nbc") for how in ("code", "truncated")),
    *(("t_*.json", how) for how in ("empty", "truncated", "other")),
]


@pytest.mark.parametrize(
    ("pattern", "how"),
    few(
        [*CASES, ("k_*.sig", "empty"), ("k_*.sig", "code")],
        keep=[("*.nbi", "code"), ("k_*.sig", "empty")],
    ),
)
def test_what_was_added_or_lost_is_not_run_but_made_anew(tmp_path, folder, pattern, how):
    """Text added to a kernel, a pickle that opens a file, valid JSON of another shape; emptied and truncated files."""
    evil = tmp_path / "evil"
    path, date = one(folder, pattern), (1_000_000_000, 1_000_000_000)
    held = path.read_bytes()
    added = f"\nopen({str(evil)!r}, 'w')\n".encode()
    version = pickle.dumps("0.0")
    changed = {
        "code": held + added
        if path.suffix in (".py", ".sig")
        else version + pickle.dumps(Evil(evil))
        if path.suffix == ".nbi"
        else pickle.dumps(Evil(evil)),
        "empty": b"",
        "truncated": held[: len(held) // 2],
        "other": json.dumps([1, {"a": "b"}]).encode(),
    }[how]
    path.write_bytes(changed)
    if path.suffix == ".py":
        os.utime(path, date)
    hits, said = child(folder)
    assert not evil.exists()
    if path.suffix != ".sig":  # without its digest machine code counts as left by a killed process
        assert said.count("\n") == 1
        assert f"the kernel cache {folder}" in said
    assert hits == (path.suffix == ".json" or (path.suffix == ".sig" and how == "code"))
    if how == "code":
        assert child(folder) == (1, "")


def test_a_derived_text_of_another_cache_does_not_count(tmp_path, folder):
    """A well-formed file with a digest, but another secret's."""
    ours, theirs = folder, tmp_path / "b"
    child(theirs)
    text = json.loads(one(theirs, "t_*.json").read_text())
    one(ours, "t_*.json").write_text(json.dumps({**text, "made": ["evil", 0.2]}))
    assert "compiled again" in child(ours)[1]
    one(ours, "t_*.json").write_text(json.dumps(text))
    assert "compiled again" in child(ours)[1]


@posix
def test_the_folder_is_the_users_alone(tmp_path):
    folder = tmp_path / "cache"
    before = os.umask(0)
    try:
        child(folder)
        assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())} == {0o700}
        assert stat.S_IMODE(one(folder, "key").stat().st_mode) == 0o600
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777)
        assert child(folder)[0] == 1
        assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())} == {0o700}
    finally:
        os.umask(before)


@posix
def test_a_secret_that_others_could_read_is_replaced(folder):
    key = one(folder, "key")
    before = key.read_bytes()
    key.chmod(0o644)
    assert child(folder)[0] == 0
    assert key.read_bytes() != before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert child(folder) == (1, "")


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("which", few(["directory", "digest"], keep=["digest"]))
def test_a_folder_of_another_user_is_not_used(folder, which):
    given = folder if which == "directory" else next(folder.iterdir())
    os.chown(given, 12345, 12345)
    hits, said = child(folder)
    assert hits == 0
    assert said.count("\n") == 1
    assert f"the kernel cache {folder} belongs to another user" in said


@posix
def test_a_directory_that_holds_other_things_keeps_its_rights(tmp_path):
    """THALWEG_CACHE_DIR may name a folder that is used for more."""
    tmp_path.chmod(0o755)
    (tmp_path / "mine.txt").write_text("")
    child(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.is_dir()} == {0o700}
