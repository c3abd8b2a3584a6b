"""Stores as NetCDF files."""

import json

import numpy as np
import pytest
import thalweg
import xarray
from helpers.repetitions import few
from thalweg.engine.api import verify_study
from thalweg.engine.report import report

STUDY = {
    "name": "s",
    "landscape": "himmelblau",
    "init": {"kind": "normal"},
    "noise": {"kind": "gaussian", "scale": 0.1},
    "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01], "nesterov": [True, False]}, {"kind": "adam", "average": "ema", "label": "a.b+c"}],
    "seeds": 3,
    "steps": 6,
    "title": "Über ☃",
}
CLAIM = {"name": "c", "measure": "mean(final(loss), 'seed')", "less_than": 1000, "group": "sgd"}
STUDIES = {
    "runs": {**STUDY, "claims": [CLAIM], "record": {"state": [2]}},
    "statistics": {**STUDY, "record": {"stats": ["mean", "var", "quantiles"]}},
    "swarm": {**STUDY, "optimizers": [{"kind": "cbo", "particles": [3, 5]}], "record": {"variables": ["loss", "swarm"]}},
    "matrices": {"name": "m", "landscape": "matrix_quadratic", "optimizers": ["muon", "sgd"], "steps": 3, "seeds": 2},
}


@pytest.mark.parametrize("kind", few(STUDIES, keep=["runs", "statistics"]))
def test_a_store_becomes_a_netcdf_file_and_comes_back(tmp_path, kind):
    """In memory, from disk, after verify, and one whose root attributes an earlier version wrote as mappings and truth values."""
    import zarr

    pytest.importorskip("h5netcdf")
    out = tmp_path / "s.zarr"
    thalweg.run(STUDIES[kind], executor="array", threads=1).to_netcdf(tmp_path / "memory.nc")
    thalweg.run(STUDIES[kind], out, executor="array", threads=1)
    if kind == "runs":
        verify_study(out)
    for old in (False, True):
        if old:
            root = zarr.open_group(str(out), mode="r+", use_consolidated=False)
            root.attrs.update({"packages": json.loads(str(root.attrs["packages"])), "complete": True})
        tree = thalweg.open_run(out)
        tree.to_netcdf(tmp_path / "s.nc")
        back = xarray.open_datatree(tmp_path / "s.nc", engine="h5netcdf")
        assert {key: str(value) for key, value in back.attrs.items()} == {key: str(value) for key, value in tree.attrs.items()}
        assert sorted(back.children) == sorted(tree.children)
        for group in tree.children:
            for name in tree[group].variables:
                values, same = tree[group][name].values, back[group][name].values
                if values.dtype.kind in "fiu":
                    np.testing.assert_array_equal(same, values)
                    assert same.dtype == values.dtype
                else:
                    assert [str(v) for v in same.ravel()] == [str(v) for v in values.ravel()]
        back.close()
    assert ("claims" in tree.attrs) == (kind == "runs")
    assert "passed" in report(out, tmp_path / "r.html").read_text() or kind != "runs"
