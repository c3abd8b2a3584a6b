"""What probes store: the same bits however they are computed, whole after a cut, named by claims, refused in one line."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
import thalweg
import zarr
from helpers.repetitions import few
from thalweg.engine.api import probe, verify_study
from thalweg.engine.cli import app
from thalweg.engine.plan import plan
from thalweg.engine.runner import probes as driver
from thalweg.engine.store import look as pieces
from thalweg.engine.store.integrity import examine
from thalweg.engine.store.parameters import parameters
from thalweg.specs.errors import SpecError, StoreError
from typer.testing import CliRunner

PROBE = {"kind": "spectrum", "at": [0, 8], "method": "lanczos", "nodes": 6}
STUDY = {
    "name": "s",
    "landscape": {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [3]},
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1]}, {"kind": "adam", "lr": 0.01}],
    "seeds": 3,
    "steps": 8,
    "record": {"every": 4},
}
PATHS = ("sgd/probe/spectrum", "adam/probe/spectrum")


def study(**fields):
    return {**STUDY, "probes": [{**PROBE, **fields}]}


def assert_same(found, wanted, paths=PATHS):
    for path in paths:
        assert set(found[path].data_vars) == set(wanted[path].data_vars)
        for name in wanted[path].data_vars:
            np.testing.assert_array_equal(found[path][name].values, wanted[path][name].values)


def test_dimensions_and_coordinates_are_those_of_the_runs_and_its_own():
    found = thalweg.run(study())["sgd/probe/spectrum"]
    assert found.nodes.dims == ("lr", "seed", "probe_step", "vector", "node")
    assert found.probe_step.values.tolist() == [0, 8]
    assert found.lr.values.tolist() == [0.01, 0.1]
    assert (found.done.values == 1).all()
    assert json.loads(found.attrs["probe"])["nodes"] == 6


@pytest.mark.parametrize("numbers", few([1, 3000], keep=[3000]))
def test_bits_depend_on_neither_pieces_nor_threads(numbers, tmp_path, monkeypatch):
    wanted = thalweg.run(study(), threads=1)
    monkeypatch.setattr(pieces, "PIECE_NUMBERS", numbers * 100)
    found = thalweg.run(study(), tmp_path / "s.zarr", threads=3)
    assert sum(f.shards for f in examine(tmp_path / "s.zarr") if "probe" in f.group) > 2
    assert_same(found, wanted)


def test_a_float32_study_is_looked_at_in_float64():
    tree = thalweg.run({**study(), "precision": "float32"})
    assert tree["sgd/probe/spectrum"].top.dtype == np.float64


def test_states_serve_where_params_are_not_recorded(tmp_path):
    lean = {**STUDY, "record": {"at": [8], "variables": ["loss"], "state": [0, 4]}}
    found = thalweg.run({**lean, "probes": [{**PROBE, "at": "all"}]}, tmp_path / "s.zarr")
    wanted = thalweg.run({**STUDY, "probes": [{**PROBE, "at": [0, 4]}]})
    assert_same(found, wanted)
    group = plan(thalweg.load_study(lean)).groups[0]
    stored = parameters(zarr.open_group(tmp_path / "s.zarr"), group, (slice(0, 2), slice(1, 3)), 4)
    whole = np.concatenate([wanted["sgd"][f"params_{b}"].values[:, 1:, 1].reshape(2, 2, -1) for b in group.blocks], axis=-1)
    np.testing.assert_array_equal(stored, whole)


def test_a_probe_added_afterwards_has_the_bits_of_the_studys_own(tmp_path):
    wanted = thalweg.run(study())
    target = tmp_path / "s.zarr"
    thalweg.run(STUDY, target)
    assert_same(probe(target, **PROBE), wanted)
    assert_same(thalweg.open_run(target), wanted)


def test_the_command_finishes_says_what_is_there_and_refuses_other_settings(tmp_path):
    target = str(tmp_path / "s.zarr")
    thalweg.run(STUDY, target)
    words = ["probe", target, "spectrum", "--set", "method=lanczos", "--set", "nodes=4"]
    assert "stored GROUP/probe/spectrum" in CliRunner().invoke(app, words).stdout
    assert "there already" in CliRunner().invoke(app, words).stdout
    with pytest.raises(StoreError, match=r"other settings, it differs in: nodes; use --overwrite, or another --name"):
        probe(target, "spectrum", method="lanczos", nodes=5)
    probe(target, "spectrum", method="lanczos", nodes=5, overwrite=True)
    probe(target, "spectrum", method="lanczos", nodes=4, name="four")
    tree = thalweg.open_run(target)
    assert tree["sgd/probe/spectrum"].sizes["node"] == 5
    assert tree["sgd/probe/four"].sizes["node"] == 4


def test_an_interrupted_probe_goes_on_where_it_was(tmp_path, monkeypatch):
    wanted, target = thalweg.run(study()), tmp_path / "s.zarr"
    monkeypatch.setattr(pieces, "PIECE_NUMBERS", 1)
    honest, seen = driver.computed, []

    def cut(piece, *rest):
        seen.append(piece)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return honest(piece, *rest)

    monkeypatch.setattr(driver, "computed", cut)
    with pytest.raises(KeyboardInterrupt):
        thalweg.run(study(), target, threads=1)
    with pytest.raises(StoreError, match="not finished"):
        verify_study(target)
    before = len(seen)
    found = thalweg.run(study(), target, resume=True)
    assert len(seen) - before == 2 * 3 * 2 + 3 * 2 - 3
    assert_same(found, wanted)


KILLED = """
import sys, time, thalweg
from thalweg.engine.store import look
from thalweg.engine.runner import probes
look.PIECE_NUMBERS = 1
honest = probes.computed
probes.computed = lambda *a: (time.sleep(0.05), honest(*a))[1]
thalweg.run(eval(sys.argv[1]), sys.argv[2], resume=True, threads=1)
"""


def test_a_killed_process_leaves_what_another_finishes(tmp_path, monkeypatch):
    target = tmp_path / "s.zarr"
    process = subprocess.Popen([sys.executable, "-c", KILLED, repr(study()), str(target)], env=os.environ)
    marks = target / "sgd" / "probe" / "spectrum" / "done" / "c"
    began = time.monotonic()
    while sum(path.name.isdigit() and path.is_file() for path in marks.rglob("*")) < 2 and time.monotonic() - began < 60:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL) if hasattr(signal, "SIGKILL") else process.kill()
    process.wait()
    monkeypatch.setattr(pieces, "PIECE_NUMBERS", 1)
    done = sum(f.done for f in examine(target) if "probe" in f.group)
    assert 0 < done < 18
    assert_same(thalweg.run(study(), target, resume=True), thalweg.run(study()))
    assert all(f.done == f.shards and not f.damaged for f in examine(target))


def test_a_damaged_piece_is_found_repaired_and_computed_again(tmp_path):
    target = tmp_path / "s.zarr"
    wanted = thalweg.run(study(), target)["sgd/probe/spectrum"].top.load()
    chunk = next(path for path in (target / "sgd/probe/spectrum/top/c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-3])
    (damaged,) = [f for f in examine(target) if f.damaged]
    assert damaged.group == "sgd/probe/spectrum"
    assert "a chunk of top cannot be read" in damaged.damaged[0][1]
    examine(target, repair=True)
    with pytest.raises(StoreError, match="not finished"):
        verify_study(target)
    found = thalweg.run(study(), target, resume=True)
    np.testing.assert_array_equal(found["sgd/probe/spectrum"].top.values, wanted.values)
    chunk.unlink()
    assert "a chunk of top is missing" in next(f for f in examine(target) if f.damaged).damaged[0][1]
    found = thalweg.run(study(), target, resume=True)
    np.testing.assert_array_equal(found["sgd/probe/spectrum"].top.values, wanted.values)


def test_a_replaced_store_leaves_nothing_of_its_probes(tmp_path):
    target = tmp_path / "s.zarr"
    thalweg.run(study(), target)
    thalweg.run(STUDY, target, overwrite=True)
    assert not (target / "sgd" / "probe").exists()


def test_workers_store_the_same(tmp_path):
    """Also where another cluster has Dask's usual port; a warning would fail the test."""
    pytest.importorskip("distributed")
    with socket.socket() as other:
        with suppress(OSError):  # there is one
            other.bind(("127.0.0.1", 8787))
            other.listen()
        assert_same(thalweg.run(study(), tmp_path / "s.zarr", workers=2), thalweg.run(study()))


def test_claims_name_what_a_probe_stored(tmp_path):
    claims = [
        {"name": "sharp", "measure": "min(final(select(spectrum.top, top_rank=0)), 'seed')", "greater_than": "0"},
        {"name": "other", "measure": "max(adam.spectrum.trace)", "greater_than": "min(adam.spectrum.trace) - 1"},
        {"name": "first", "measure": "mean(at(spectrum.trace, 8) - initial(spectrum.trace))", "less_than": "1e9"},
    ]
    _, verdicts = verify_study(thalweg.load_study({**study(), "claims": claims}))
    assert [verdict.verdict for verdict in verdicts] == ["passed"] * 3
    for measure, message in {
        "spectrum.topp": "there is nothing called 'spectrum.topp'; did you mean 'spectrum.top'",
        "mean(spectrum.top, 'nothing')": "there is no dimension 'nothing' to reduce",
    }.items():
        with pytest.raises(SpecError, match=message.replace("(", r"\(")):
            verify_study(thalweg.load_study({**study(), "claims": [{"name": "c", "measure": measure, "greater_than": "0"}]}))


LEAN = {**STUDY, "record": {"every": 4, "variables": ["loss"]}}
BIG = {**STUDY, "landscape": {"kind": "quadratic", "dim": 2001}}
WRONG = [
    (STUDY, {"kind": "spectrun"}, "there is no probe 'spectrun'; did you mean 'spectrum'"),
    (STUDY, {"groups": ["sgdd"]}, "groups: there is no optimizer 'sgdd'; did you mean 'sgd'"),
    (STUDY, {"at": [3]}, r"at: sgd has no stored parameters of step 3 \(stored: 0, 4, 8\)"),
    (STUDY, {"at": "first"}, "at: takes last, all, or a list of stored steps, given 'first'"),
    (STUDY, {"at": []}, r"at: takes last, all, or a list of stored steps, given \[\]"),
    (STUDY, {"name": "sgd"}, "sgd: is the name of an optimizer; give the probe another `name`"),
    (STUDY, {"name": "loss"}, "loss: is the name of a recorded variable"),
    (STUDY, {"name": "landscape"}, "landscape: is the name of something else in claims"),
    (STUDY, {"name": "a.b"}, "name"),
    (STUDY, {"node": 3}, "unknown key 'node'; did you mean 'nodes'"),
    (STUDY, {"nodes": 0}, "nodes"),
    (LEAN, {}, "sgd stores none; add params to record.variables, or steps to record.state"),
    ({**STUDY, "record": {"stats": ["mean"]}}, {}, "the study stores only statistics over the seeds; leave out record.stats"),
    (STUDY, {"of": "ntk"}, "of: ntk needs a loss that is a sum of squared residuals, and that of mlp is not"),
    (STUDY, {"of": "gauss_newton"}, "of: gauss_newton needs a loss that is a sum of squared residuals"),
    (
        BIG,
        {"of": "gradient_covariance"},
        "gradient_covariance needs a loss that is a mean over samples of data, and that of quadratic is not",
    ),
    (BIG, {"on": "test"}, "on: test: needs a landscape made of data, and quadratic is not"),
    (STUDY, {"on": "test"}, "on: test: the data have no test part; give them a test_fraction"),
    (STUDY, {"on": "batch"}, "batch_size: is needed for a batch"),
    (STUDY, {"batch_size": 3}, "batch_size: is for a batch; leave it out"),
    (BIG, {"on": "batch", "batch_size": 3}, "on: batch needs a landscape made of data"),
    (BIG, {"method": "exact"}, "method: exact takes at most 2,000 components, and there are 2,001; take method: lanczos"),
]


@pytest.mark.parametrize(("base", "fields", "message"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_wrong_probes_are_refused_before_anything_runs(base, fields, message):
    with pytest.raises(SpecError, match=message):
        thalweg.load_study({**base, "probes": [{"kind": "spectrum", **fields}]})


def test_two_probes_of_one_name_are_refused():
    with pytest.raises(SpecError, match="probes: two are called 'spectrum'; give each a `name` of its own"):
        thalweg.load_study({**STUDY, "probes": ["spectrum", "spectrum"]})


def test_a_store_that_is_not_finished_is_not_probed(tmp_path):
    target = tmp_path / "s.zarr"
    thalweg.run(STUDY, target)
    zarr.open_group(target)["sgd"]["status"][...] = 0
    with pytest.raises(StoreError, match="its runs are not finished"):
        probe(target, "spectrum")


def test_what_a_kind_raises_says_which_probe_and_how_to_go_on(tmp_path, monkeypatch):
    def broken(piece, root, plan):
        raise ValueError("no")

    monkeypatch.setattr(driver, "computed", broken)
    with pytest.raises(
        thalweg.specs.errors.RunError, match="spectrum of sgd raised ValueError: no; what is complete is kept, continue with"
    ):
        thalweg.run(study(), tmp_path / "s.zarr")
