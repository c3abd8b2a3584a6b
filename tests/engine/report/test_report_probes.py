"""Probes on the page: their numbers at every point shown, and spectral densities."""

import numpy as np
import pytest
import thalweg
from scipy.stats import norm
from thalweg.engine.report.page_data import payload
from thalweg.engine.report.probes import probes
from thalweg.engine.report.sweep_points import chosen

STUDY = {
    "name": "bowl",
    "landscape": {"kind": "expression", "variables": ["x", "y"], "parameters": {"a": [1.0, 2.0]}, "value": "(a*x**2 + 50*y**2)/2 + x**4"},
    "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01, 0.02]}, {"kind": "adam", "lr": 0.01}],
    "seeds": 4,
    "steps": 10,
    "record": {"every": 5},
    "probes": [{"kind": "spectrum", "name": "late", "groups": ["sgd"]}, {"kind": "spectrum", "at": "all", "top": 2}],
}


@pytest.fixture(scope="module")
def tree():
    return thalweg.run(STUDY)


def test_numbers_are_medians_at_every_point(tree):
    late, whole = payload(tree)["probes"]
    assert (late["name"], late["steps"], late["of"]) == ("late", [10], "Hessian")
    assert late["groups"][1] is None
    assert late["densities"][1] is None
    assert whole["steps"] == [0, 5, 10]
    found = {row["name"]: row["values"] for row in whole["groups"][0]}
    assert list(found) == ["bottom", "eigenvalues[0]", "eigenvalues[1]", "outliers", "top[0]", "top[1]", "trace"]
    stored = tree["sgd/probe/spectrum"].trace.isel(seed=[1, 3]).median("seed").transpose("a", "lr", "probe_step").values.reshape(6, 3)
    np.testing.assert_allclose(found["trace"], stored, rtol=1e-3)


def test_densities_integrate_to_one_and_are_those_of_the_eigenvalues(tree):
    own = payload(tree)["probes"][1]["densities"][1]
    assert sorted(own["points"]) == [0, 1]
    curve, grid = np.array(own["points"][1][2]), np.array(own["grid"])
    assert np.trapezoid(curve, grid) == pytest.approx(1, abs=0.01)
    held = tree["adam/probe/spectrum"].isel(a=1, probe_step=2).eigenvalues.values
    np.testing.assert_allclose(curve, norm.pdf(grid[:, None], held.ravel(), own["width"]).mean(1), rtol=0.02, atol=1e-3)
    assert own["apart"][1][2] == pytest.approx(sorted(set(held[:, 1])), rel=1e-3)


def test_where_there_are_many_points_the_best_have_densities(tree, monkeypatch):
    monkeypatch.setattr("thalweg.engine.report.probes.NUMBERS", 3000)
    groups = chosen(tree, 1)
    own = probes(tree, groups, [])[1]["densities"][0]
    assert set(own["points"]) <= set(groups[0].bests)
    assert len(own["points"]) < 6


def test_a_study_without_probes_has_none(tree):
    without = thalweg.run({key: value for key, value in STUDY.items() if key != "probes"})
    assert payload(without)["probes"] == []
