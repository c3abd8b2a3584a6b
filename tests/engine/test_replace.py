"""--overwrite: whatever moment it is cut off at, what lies there is a whole store, an unfinished one or none, and never half of one."""

import json
import os
import subprocess
import sys

import pytest

OLD = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd", {"kind": "adam", "lr": [0.1, 0.2]}], "steps": 4, "seeds": 2}
NEW = {**OLD, "optimizers": ["sgd", "lion"], "seeds": 3, "noise": {"kind": "gaussian", "scale": 0.1}}

DRIVER = r"""
import json, os, shutil, sys
import filelock, numcodecs.blosc, thalweg, xarray, xarray.backends.zarr, zarr.codecs
from thalweg.engine import store, replace, durable, simulate, merge, examine, verdicts, accessor

for text in sys.argv[2:4]:
    simulate.compute(thalweg.check(json.loads(text)), "array", 1)  # imports all there is, and starts none of Zarr's threads
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
    if not os.path.exists(out):
        return ["nothing"]
    found = examine.examine(out)
    names = [o["kind"] for o in store.stored_study(out)["optimizers"]]
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
for at in sorted({*beside, *inside[:: max(1, len(inside) // int(sys.argv[4]))]}):
    restore()
    killed = in_child(lambda: run(new, at, overwrite=True)) is None
    found = in_child(after, killed)
    rest = {"notes": os.path.exists(os.path.join(out, "notes.txt")), "left": sorted(os.listdir(folder))}
    print(json.dumps({"at": at, **(found if isinstance(found, dict) else {"error": found}), **rest}), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_an_overwriting_run_killed_at_any_of_its_file_operations(tmp_path):
    """Every rename, removal, folder and file of the whole run, from the lock to the end."""
    (tmp_path / "f").mkdir()
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [
        sys.executable,
        "-c",
        DRIVER,
        str(tmp_path / "f"),
        json.dumps(OLD),
        json.dumps(NEW),
        "300" if os.environ.get("THALWEG_VERIFY") else "16",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1000, env=environment)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 23
    for one in found:
        print(one)
