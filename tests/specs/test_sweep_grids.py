"""Grids hold the decimals that a person would write."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thalweg.engine import load_study, run
from thalweg.engine.claims.verdict import verify
from thalweg.specs.sweep_forms import spaced

QUADRATIC = {"name": "grid", "landscape": {"kind": "quadratic", "dim": 1, "sharpness": 1.0}, "steps": 3}


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ([0.1, 0.5, 5], [0.1, 0.2, 0.3, 0.4, 0.5]),
        ([0, 1, 11], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        ([0, 1, 4], [0, 1 / 3, 2 / 3, 1]),
        ([0.5, 0.1, 5], [0.5, 0.4, 0.3, 0.2, 0.1]),
        ([-0.3, 0.3, 7], [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
        ([1e-5, 7e-5, 7], [1e-5, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5, 7e-5]),
        ([-1e308, 1e308, 3], [-1e308, 0, 1e308]),
        ([0.7, 0.7, 1], [0.7]),
    ],
)
def test_linspace_holds_decimals(form, wanted):
    assert spaced("linspace", *map(float, form[:2]), form[2]) == wanted


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4), st.integers(2, 60), st.integers(-8, 4))
def test_linspace_with_decimal_steps_is_what_is_written(first, step, count, power):
    written = [float(Decimal(first + step * k).scaleb(power)) for k in range(count)]
    assert spaced("linspace", written[0], written[-1], count) == written


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 50))
def test_linspace_is_numpy_s_up_to_rounding(start, stop, count):
    scale = np.finfo(float).eps * max(abs(start), abs(stop)) + np.finfo(float).smallest_subnormal
    np.testing.assert_allclose(spaced("linspace", start, stop, count), np.linspace(start, stop, count), rtol=0, atol=4 * scale)


def test_decades_of_logspace_are_decades():
    assert spaced("logspace", 1e-4, 1e2, 7) == [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0]
    assert spaced("logspace", 1.0, 1024.0, 11) == [2.0**k for k in range(11)]


def test_points_of_a_grid_are_found_by_the_numbers_one_writes():
    claim = {"name": "exact", "measure": "final(loss)", "where": "lr == 0.3", "expected": "0.5*(1-lr)**6", "rtol": 1e-9}
    study = load_study({**QUADRATIC, "optimizers": [{"kind": "sgd", "lr": {"linspace": [0.1, 0.5, 5]}}], "claims": [claim]})
    tree = run(study)
    assert tree["sgd"].loss.sel(lr=0.3).sizes["step"] == 4
    assert float(tree["sgd"].loss.sel(lr=0.3)[0, -1]) == pytest.approx(0.5 * 0.7**6)
    (verdict,) = verify(tree, study)
    assert (verdict.verdict, verdict.points) == ("passed", 1)


def test_whole_numbers_of_a_grid_are_whole():
    land = {"kind": "quadratic", "dim": {"linspace": [2, 10, 5]}}
    study = load_study({**QUADRATIC, "landscape": land, "optimizers": ["sgd"]})
    assert study.landscape.dim.values == (2, 4, 6, 8, 10)
