"""What check says a shard takes against what a process takes more with it, for every kind of study."""

import json
import subprocess
import sys

import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine.executors.choose import choose
from thalweg.engine.executors.memory import of_shard
from thalweg.specs.errors import SpecError

RASTRIGIN, MLP = {"kind": "rastrigin", "dim": 100}, {"kind": "mlp", "data": {"builtin": "digits"}, "hidden": [64]}
LAST, CBO = {"last": True}, {"kind": "cbo", "particles": 100}
NORMAL = {"init": "normal", "record": LAST}
KINDS = {
    "fused": {**NORMAL, "landscape": RASTRIGIN, "optimizers": ["adam"], "seeds": 8192, "steps": 60, "record": {"every": 10}},
    "fused float32": {
        **NORMAL,
        "landscape": RASTRIGIN | {"dim": 200},
        "optimizers": ["adam"],
        "seeds": 8192,
        "steps": 60,
        "precision": "float32",
    },
    "fused statistics": {
        **NORMAL,
        "landscape": RASTRIGIN | {"dim": 20},
        "optimizers": ["sgd"],
        "seeds": 100_000,
        "steps": 60,
        "record": {"every": 5, "variables": ["loss", "params"], "stats": ["mean", "quantiles"]},
    },
    "fused wide": {
        **NORMAL,
        "landscape": {"kind": "rosenbrock", "dim": 100_000},
        "noise": {"kind": "gaussian", "scale": 0.01},
        "optimizers": ["adam"],
        "seeds": 8,
        "steps": 5,
        "record": LAST | {"variables": ["loss"]},
    },
    "fused swarm": {**NORMAL, "landscape": RASTRIGIN | {"dim": 20}, "optimizers": [CBO], "seeds": 1024, "steps": 10},
    "fused network": {
        "landscape": MLP,
        "noise": {"kind": "minibatch", "size": 16},
        "optimizers": [{"kind": "adam", "average": "ema"}],
        "seeds": 1024,
        "steps": 3,
        "record": LAST,
    },
    "array": {**NORMAL, "landscape": RASTRIGIN, "optimizers": ["adam"], "seeds": 8192, "steps": 20},
    "array wide": {
        **NORMAL,
        "landscape": {"kind": "rosenbrock", "dim": 1_000_000},
        "noise": {"kind": "gaussian", "scale": 0.01},
        "optimizers": ["adam"],
        "seeds": 2,
        "steps": 5,
    },
    "array swarm": {**NORMAL, "landscape": RASTRIGIN | {"dim": 20}, "optimizers": [CBO], "seeds": 1024, "steps": 10},
    "array matrices": {
        **NORMAL,
        "landscape": {"kind": "matrix_quadratic", "rows": 64, "cols": 64},
        "optimizers": ["shampoo"],
        "seeds": 200,
        "steps": 5,
    },
    "array network": {"landscape": MLP, "optimizers": ["adam"], "seeds": 64, "steps": 3, "record": LAST},
    "array minibatch": {
        "landscape": MLP,
        "noise": {"kind": "minibatch", "size": 64},
        "optimizers": ["adam"],
        "seeds": 200,
        "steps": 10,
        "record": LAST,
    },
    "array hessian": {
        "landscape": {"kind": "rosenbrock", "dim": 1000},
        "init": "normal",
        "optimizers": ["sgd"],
        "seeds": 500,
        "steps": 2,
        "record": LAST | {"variables": ["hessian_top"]},
    },
    "array lyapunov": {
        "landscape": {"kind": "linear_teacher", "inputs": 60, "hidden": 60},
        "optimizers": ["adam"],
        "seeds": 250,
        "steps": 3,
        "record": LAST | {"variables": ["lyapunov"]},
    },
    "array records": {
        "landscape": {"kind": "rosenbrock", "dim": 1000},
        "init": "normal",
        "optimizers": ["sgd"],
        "seeds": 1000,
        "steps": 40,
        "record": {"every": 1},
    },
    "array disorder": {
        "landscape": {"kind": "tensor_pca", "dim": 40},
        "optimizers": ["spherical_langevin"],
        "seeds": 300,
        "steps": 5,
        "record": LAST,
    },
}
QUICK = ("fused", "array network")
"""What `make test` measures; `make verify` measures all."""
CHILD = """
import json, sys, tempfile, thalweg
spec, small, executor = json.loads(sys.argv[1])

def status(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field + ":")) * 1024

with tempfile.TemporaryDirectory() as folder:
    thalweg.run(small, folder + "/small.zarr", executor=executor, threads=1).close()
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
    before = status("VmRSS")
    thalweg.run(spec, folder + "/whole.zarr", executor=executor, threads=1).close()
    print(status("VmHWM") - before)
"""


def small(spec, fused):
    """The same kind of study with next to nothing in it: it loads what the whole one needs."""
    if fused and "data" in spec["landscape"]:
        return spec | {"seeds": 1}  # other shapes are other kernels
    land = {k: min(v, 10) if k in ("dim", "rows", "cols", "inputs") else v for k, v in spec["landscape"].items()}
    return spec | {"landscape": land | ({"hidden": [2]} if "data" in land else {}), "seeds": 64 if fused else 1}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read in /proc")
@pytest.mark.parametrize("kind", few(KINDS, keep=QUICK))
def test_peaks_are_as_foretold(kind):
    spec, executor = {"name": "m", **KINDS[kind]}, kind.split()[0]
    given = json.dumps([spec, small(spec, executor == "fused"), executor])
    done = subprocess.run([sys.executable, "-c", CHILD, given], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.split()[-1])
    expected = max(of_shard(group, executor) for group in thalweg.check(spec).groups)
    assert 0.8 * peak <= expected <= 2 * peak, f"{expected / 1e6:.1f} MB foretold, {peak / 1e6:.1f} MB taken"


BIG = {
    "name": "b",
    "landscape": {"kind": "rosenbrock", "dim": 1_000_000},
    "init": "normal",
    "noise": {"kind": "gaussian", "scale": 0.01},
    "optimizers": ["adam"],
    "seeds": 8,
    "steps": 20,
    "record": {"every": 10},
}


def test_few_runs_of_many_components_are_not_laid_out_in_lanes():
    """64 lanes for 8 runs take 20 times what the runs need."""
    (group,) = thalweg.check(BIG).groups
    assert of_shard(group, "fused") > 3e9
    assert of_shard(group) < 3e8
    choice = choose(group)
    assert choice.name == "array"
    assert "its lanes, few of which hold runs, would take" in choice.reason
    assert choose(thalweg.check(BIG | {"landscape": {"kind": "rosenbrock", "dim": 1000}, "steps": 30_000}).groups[0]).name == "fused"


def test_lanes_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("thalweg.engine.api.available_memory", lambda: 10**9)
    with pytest.raises(
        SpecError, match=r"a shard's blocks of lanes need about 3\.\d GB of memory and 1\.0 GB are free; use --executor array"
    ):
        thalweg.run(BIG, tmp_path / "s.zarr", executor="fused", threads=1)
