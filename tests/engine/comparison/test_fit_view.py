"""The view `fit`: planted laws come back, errors are those of resamples, what has no law says so."""

import numpy as np
import pytest
import thalweg
from thalweg.specs.errors import SpecError


def bowl(n_power: float, d_power: float, seeds: int = 4) -> dict:
    """A loss that is a bowl over log(lr) around 0.1 N^p D^q, reached by one step from a normal start."""
    best = f"(log(0.1) + {n_power}*log(N) + {d_power}*log(D))"
    return {
        "name": "bowl",
        "landscape": {
            "kind": "expression",
            "variables": {"w": []},
            "parameters": {"N": [1.0, 10.0, 100.0], "D": [1.0, 2.0, 4.0]},
            "define": {"moved": "w - 1.0"},
            # one step of SGD on -w from 1 leads to 1 + lr: log(moved) is log(lr)
            "value": f"where(moved > 0, N**-0.5*(1 + (log(maximum(moved, 1e-9)) - {best})**2), -1.0*w)",
        },
        "init": {"kind": "point", "at": 1.0},
        "optimizers": [{"kind": "sgd", "lr": {"logspace": [0.003, 1.0, 12]}, "momentum": 0.0}],
        "seeds": seeds,
        "steps": 1,
    }


def test_planted_laws_come_back():
    made = thalweg.compare(thalweg.run(bowl(-0.3, 0.2)), view="fit")
    rows = {(q, o): k for k, (q, o) in enumerate(zip(made.quantity.values, made.over.values, strict=True))}
    assert set(rows) == {("lr", "N"), ("lr", "D"), ("loss", "N"), ("loss", "D")}
    exponent = made.exponent.values
    np.testing.assert_allclose([exponent[rows["lr", "N"]], exponent[rows["lr", "D"]]], [-0.3, 0.2], atol=1e-6)
    np.testing.assert_allclose(exponent[rows["loss", "N"]], -0.5, atol=0.02)
    np.testing.assert_allclose(made.r2.values[rows["lr", "N"]], 1, atol=1e-9)
    assert made.problems.values.tolist() == [9] * 4
    assert made.convex.values.tolist() == [9] * 4
    assert made.edge.values.tolist() == [0] * 4
    np.testing.assert_allclose(made.error, 0, atol=1e-12)


def test_one_problem_has_a_value_and_its_error_and_no_exponent():
    study = {
        "name": "noisy",
        "landscape": {"kind": "expression", "variables": ["x"], "value": "x**2/2"},
        "noise": {"kind": "gaussian", "scale": 0.5},
        "optimizers": [{"kind": "sgd", "lr": {"logspace": [0.003, 1.0, 8]}, "momentum": 0.0}],
        "init": {"kind": "point", "at": 1.0},
        "seeds": 200,
        "steps": 50,
    }
    made = thalweg.compare(thalweg.run(study), view="fit")
    assert made.quantity.values.tolist() == ["lr", "loss"]
    assert made.over.values.tolist() == ["", ""]
    assert np.isnan(made.exponent).all()
    assert 0.02 < float(made.value[0]) < 0.2
    assert 0 < float(made.error[0]) < 0.05


def test_the_edge_is_said(tmp_path):
    study = bowl(-0.3, 0.2) | {"optimizers": [{"kind": "sgd", "lr": [0.001, 0.002, 0.004], "momentum": 0.0}]}
    made = thalweg.compare(thalweg.run(study), view="fit")
    assert (made.edge == 9).all()


def test_what_is_refused():
    study = bowl(0, 0) | {"optimizers": [{"kind": "sgd", "lr": [0.1, 0.2]}]}
    with pytest.raises(SpecError, match="no optimizer sweeps lr over three or more positive numbers"):
        thalweg.compare(thalweg.run(study), view="fit")
    with pytest.raises(SpecError, match="no optimizer sweeps beta1"):
        thalweg.compare(thalweg.run(study), view="fit", field="beta1")
    with pytest.raises(SpecError, match="a field belongs to the views"):
        thalweg.compare(thalweg.run(study), field="lr")
