"""--device: what is said where there is no device, shards fitted to one, the array executor's copies to the host, resume on another device."""

import importlib.util
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import thalweg
from thalweg.engine import check
from thalweg.engine.cli import app
from thalweg.engine.executors.choose import array_simulation, choose
from thalweg.engine.executors.cuda import device
from thalweg.engine.executors.cuda.array_simulation import DeviceSimulation
from thalweg.engine.executors.cuda.device import missing
from thalweg.engine.plan import with_runs_at_once
from thalweg.engine.store.store import Store
from thalweg.specs.errors import SpecError
from typer.testing import CliRunner

STUDY = {
    "name": "devices",
    "landscape": "river_valley",
    "noise": {"kind": "gaussian", "scale": 0.3},
    "optimizers": [{"kind": "adam", "lr": [0.01, 0.02], "average": "polyak"}],
    "seeds": 6,
    "steps": 20,
}
without_device = pytest.mark.skipif(missing() is None, reason="there is a CUDA device here")


@without_device
@pytest.mark.parametrize("executor", ["auto", "fused", "array"])
def test_cuda_without_a_device_is_one_clear_error_and_writes_nothing(tmp_path, executor):
    with pytest.raises(SpecError, match=r"^device cuda.*(there is no CUDA device here|is not installed: pip install 'thalweg\[gpu\]')"):
        thalweg.run(STUDY, tmp_path / "o.zarr", device="cuda", executor=executor)
    assert not (tmp_path / "o.zarr").exists()


def test_an_unknown_device_is_named_with_the_nearest():
    with pytest.raises(SpecError, match=r"there is no device 'gpu'; did you mean 'cuda'\? \(known: auto, cpu, cuda\)"):
        thalweg.run(STUDY, device="gpu")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    assert "numba-cuda is not installed: pip install 'thalweg[gpu]'" in (missing.__wrapped__() or "")
    assert "CuPy is not installed: pip install 'thalweg[gpu]'" in (device.missing_arrays.__wrapped__() or "")


@without_device
def test_auto_falls_back_to_the_processor_and_check_says_so(tmp_path):
    assert not choose(check(STUDY).groups[0], "auto", "auto").name.endswith("cuda")
    (tmp_path / "s.yaml").write_text("name: s\nlandscape: river_valley\noptimizers: [sgd]\nsteps: 10\n")
    shown = CliRunner().invoke(app, ["check", str(tmp_path / "s.yaml")]).stdout
    assert missing() in " ".join(shown.replace("│", " ").split())
    ran = CliRunner().invoke(app, ["run", str(tmp_path / "s.yaml"), "--out", str(tmp_path / "s.zarr")])
    assert ran.exit_code == 0
    assert "cuda" not in ran.output.lower()


def test_arrays_of_a_device_are_copied_to_the_host_once_a_block_and_into_checkpoints(tmp_path):
    strict = pytest.importorskip("array_api_strict")
    (shard,) = check({**STUDY, "record": {"every": 5}}).groups[0].shards()
    copied = []

    def to_host(values):
        copied.append(values)
        assert type(values).__module__.startswith("array_api_strict")
        return np.asarray(values)

    expected, found = list(array_simulation(shard).run()), list(DeviceSimulation(array_simulation(shard, strict), to_host).run())
    for name, values in expected[0].data.items():
        np.testing.assert_allclose(found[0].data[name], values, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(found[1].status, expected[1].status)
    assert len(copied) == len(expected[0].data) + 2


def test_shards_fitted_to_a_device_are_the_store_s_and_are_found_again(tmp_path):
    planned = with_runs_at_once(check(STUDY), {"adam": 4})
    assert planned.groups[0].chunk == (1, 4)
    store = Store.create(tmp_path / "o.zarr", planned, False, {"adam": "fused-cuda"})
    assert store.root["adam"]["status"].chunks == (1, 4)
    again = Store.resume(tmp_path / "o.zarr", check(STUDY))
    assert again.plan.groups[0].chunk == (1, 4)
    tree = thalweg.run(STUDY, tmp_path / "o.zarr", resume=True, device="cpu")
    expected = thalweg.run(STUDY, device="cpu", executor="fused")
    np.testing.assert_array_equal(tree["adam"].params, expected["adam"].params)
    checked = CliRunner().invoke(app, ["check", str(tmp_path / "o.zarr")])
    assert checked.exit_code == 0, checked.output


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install 'thalweg[test]'")
def test_a_run_on_the_simulated_device_is_the_processor_s_and_is_finished_there(tmp_path):
    program = """
    import sys, numpy as np, thalweg
    from thalweg.engine.runner import threads
    from tests_device_study import STUDY
    thalweg.run(STUDY, sys.argv[1] + "/whole.zarr", device="cuda")
    made, threads.drive = threads.drive, lambda todo, *rest: made(todo[:1], *rest)
    from thalweg.engine.executors.cuda import device
    device.MOST_RUNS = 4
    thalweg.run(STUDY, sys.argv[1] + "/half.zarr", device="cuda")
    """
    (tmp_path / "tests_device_study.py").write_text(f"STUDY = {STUDY!r}\n")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    expected = thalweg.run(STUDY, executor="fused", device="cpu")["adam"]
    whole, half = thalweg.engine.api.open_run(tmp_path / "whole.zarr"), thalweg.engine.api.open_run(tmp_path / "half.zarr")
    assert whole["adam"].attrs["executor"] == "fused-cuda"
    np.testing.assert_allclose(whole["adam"].params, expected.params, rtol=1e-9, atol=1e-12)
    assert 0 < int((half["adam"].status == 1).sum()) < 12
    half.close()
    finished = thalweg.run(STUDY, tmp_path / "half.zarr", resume=True, device="cpu")["adam"]
    assert (finished.status == 1).all()
    np.testing.assert_allclose(finished.params, expected.params, rtol=1e-9, atol=1e-12)
