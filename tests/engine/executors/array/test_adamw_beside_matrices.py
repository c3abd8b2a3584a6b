"""AdamW for the parameters that are not matrices, beside an optimizer of matrices."""

import numpy as np
import pytest
import thalweg

STUDY = {
    "name": "rest",
    "landscape": {"kind": "mlp", "data": {"builtin": "digits"}, "hidden": [4]},
    "steps": 6,
    "seeds": 2,
    "record": {"last": True, "variables": ["loss", "params"]},
}


def biases(lr, **more):
    made = thalweg.run({**STUDY, "optimizers": [{"kind": "muon", "lr": lr, "rest": {"lr": 0.01}, **more}]})["muon"]
    return {name: made[name].isel(step=-1).values for name in made.data_vars if name.startswith("params_")}


def test_a_learning_rate_of_zero_for_matrices_leaves_the_rest_as_it_is():
    still = biases(0.0)
    matrices = [name for name, values in still.items() if values.ndim == 3]
    assert matrices
    for name, values in still.items():
        assert np.isfinite(values).all(), name
        if name not in matrices:
            assert (values != 0).any(), name


def test_the_rest_has_the_schedule_whatever_the_learning_rate_is():
    """The first update alone, of size lr: halved by a warm-up of two steps."""
    whole, halved = (
        thalweg.run({**STUDY, "steps": 2, "record": {"at": [1], "variables": ["params"]}, "optimizers": [made]})["muon"]
        for made in (
            {"kind": "muon", "lr": 0.0, "rest": {"lr": 0.01}},
            {"kind": "muon", "lr": 0.0, "rest": {"lr": 0.01}, "schedule": {"kind": "constant", "warmup": 2}},
        )
    )
    name = next(n for n in whole.data_vars if n.startswith("params_") and whole[n].sel(step=1).ndim == 2)
    assert np.abs(whole[name].sel(step=1).values).max() == pytest.approx(0.01, rel=1e-3)
    np.testing.assert_allclose(halved[name].sel(step=1), whole[name].sel(step=1) / 2, rtol=1e-6)
