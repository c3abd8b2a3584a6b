"""What `temperature` and `inverse_temperature` mean: the laws that are sampled, against closed forms."""

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import run

PLANE = {"kind": "expression", "variables": ["x", "y", "z"], "value": "-x"}


@pytest.mark.parametrize(
    ("convention", "factor", "e"),
    few(
        [(convention, factor, e) for convention, factor in (("sqrt_dt", 2.0), ("sqrt_2dt", 1.0)) for e in (0.5, 1.5)],
        keep=[("sqrt_dt", 2.0, 0.5), ("sqrt_2dt", 1.0, 1.5)],
    ),
)
def test_on_the_sphere_the_samples_follow_the_law_of_their_convention(convention, factor, e):
    """Under exp(b x) on the unit sphere of three dimensions x has the mean coth b - 1/b (Langevin's function)."""
    optimizer = {"kind": "spherical_langevin", "lr": 0.01, "inverse_temperature": e, "convention": convention}
    study = {"name": "s", "landscape": PLANE, "init": "sphere", "optimizers": [optimizer], "seeds": 4000, "steps": 500}
    x = run({**study, "record": {"last": True}})["spherical_langevin"].params.values[:, 0, 0]
    b = factor * e
    assert abs(x.mean() - (1 / np.tanh(b) - 1 / b)) < 4 * x.std() / np.sqrt(len(x)) + 0.005


def test_on_the_circle_an_inverse_temperature_under_sqrt_2dt_is_one_over_a_temperature():
    """exp(b cos a) on the circle, the law of sgld at temperature 1/b there, has E cos a = I_1(b) / I_0(b)."""
    from scipy.special import ive

    optimizer = {"kind": "spherical_langevin", "lr": 0.01, "inverse_temperature": 2.0, "convention": "sqrt_2dt"}
    land = {"kind": "expression", "variables": ["x", "y"], "value": "-x"}
    study = {"name": "s", "landscape": land, "init": "sphere", "optimizers": [optimizer], "seeds": 4000, "steps": 500}
    x = run({**study, "record": {"last": True}})["spherical_langevin"].params.values[:, 0, 0]
    assert abs(x.mean() - ive(1, 2.0) / ive(0, 2.0)) < 4 * x.std() / np.sqrt(len(x)) + 0.005
