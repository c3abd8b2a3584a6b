"""Every bundled study runs from the command line into a store, and none of its claims fails in its small version.

Those whose small version computes for more than ten seconds are left to `make claims`, which runs and prints all of them.
"""

import pytest
from thalweg.engine.api import verify_study
from thalweg.engine.claims.verdict import FAILED, lines
from thalweg.engine.cli import app
from thalweg.specs.load import gallery
from typer.testing import CliRunner

LONG = {
    "averaged_sgd",
    "bigram",
    "cbo_variants",
    "curl_chaos",
    "curl_descent",
    "curl_phase",
    "curl_speed",
    "curl_stability",
    "fismo_anisotropy",
    "muon_conditioning",
    "muon_digits",
    "opposing_signals_dip",
    "opposing_signals_network",
    "river_valley_decay",
    "sample_complexity",
    "sphere_uniform",
    "spherical_langevin",
    "tensor_pca_even",
}


def test_the_long_ones_are_there():
    assert set(gallery()) > LONG


@pytest.mark.parametrize("name", [name for name in gallery() if name not in LONG])
def test_no_claim_fails_in_the_small_version(name):
    _, verdicts = verify_study(name, quick=True)
    failed = [" ".join(line) for line in lines(verdicts) if line[0] == FAILED]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("name", gallery())
def test_it_runs_shortened(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["run", name, "--set", "steps=4", "--set", "seeds=2", "--set", "record.every=2"])
    assert ran.exit_code == 0, ran.output
    assert (tmp_path / f"{name}.zarr" / "zarr.json").exists()
