"""The river valley's closed forms (SGD, constant lr h, curvature k, slope s, gradient noise of standard deviation c, straight river).

Stationary Var y = h c^2 / (k (2 - h k)); mean hill loss h c^2 / (2 (2 - h k)); E[x_T] = x_0 + h s T; diverges iff h k > 2.
"""

import numpy as np
import pytest
import thalweg

K, C, SLOPE = 20.0, 0.5, 0.05
LRS = [0.005, 0.02, 0.05, 0.08]


def river(**changes):
    study = {
        "name": "closed_form",
        "landscape": {"kind": "river_valley", "sharpness": K, "slope": SLOPE, "amplitude": 0.0},
        "init": {"kind": "point", "at": [0.0, 0.0]},
        "noise": {"kind": "gaussian", "scale": C},
        "optimizers": [{"kind": "sgd", "lr": LRS}],
        "seeds": 1000,
        "steps": 2000,
        "record": {"every": 20},
    }
    return {**study, **changes}


@pytest.fixture(scope="module")
def straight():
    return thalweg.run(river())["sgd"].load()


def test_stationary_variance_within_three_percent(straight):
    tail = straight.params.sel(dim="y", step=slice(1000, None))
    lr = straight.lr
    np.testing.assert_allclose((tail**2).mean(["seed", "step"]), lr * C**2 / (K * (2 - lr * K)), rtol=0.03)


def test_mean_hill_loss_within_three_percent(straight):
    lr = straight.lr
    measured = straight.hill.sel(step=slice(1000, None)).mean(["seed", "step"])
    np.testing.assert_allclose(measured, lr * C**2 / (2 * (2 - lr * K)), rtol=0.03)


def test_progress_along_the_river(straight):
    steps, lr = 2000, straight.lr
    error = C * lr * np.sqrt(steps / straight.sizes["seed"])
    assert (abs(straight.river.isel(step=-1).mean("seed") - lr * SLOPE * steps) < 5 * error).all()


@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_diverges_exactly_above_the_stability_edge(scale):
    lrs = [f * 2 / K for f in (0.5, 0.9, 0.99, 1.01, 1.1, 2.0)]
    study = river(
        optimizers=[{"kind": "sgd", "lr": lrs}],
        noise={"kind": "gaussian", "scale": scale},
        init={"kind": "point", "at": [0.0, 1.0]},
        seeds=8,
        steps=5000,
        record={"last": True},
    )
    status = thalweg.run(study)["sgd"].status.load()
    assert (status.isel(lr=slice(0, 3)) == 1).all()
    assert (status.isel(lr=slice(3, None)) == 2).all()


def test_student_t_noise_has_the_variance_it_should():
    lr, df = 0.02, 10.0
    study = river(noise={"kind": "student_t", "scale": C, "df": [df, 20.0]}, optimizers=[{"kind": "sgd", "lr": lr}])
    tail = thalweg.run(study)["sgd"].params.sel(dim="y", step=slice(1000, None))
    variance = (tail**2).mean(["seed", "step"])
    nu = tail.df
    np.testing.assert_allclose(variance, lr * C**2 * nu / (nu - 2) / (K * (2 - lr * K)), rtol=0.04)


def test_wsd_beats_constant_and_decays_sharply():
    lr = 0.08
    schedule = {"kind": "wsd", "warmup": 50, "decay": 0.2}
    optimizers = [
        {"kind": "sgd", "label": "constant", "lr": {"logspace": [0.002, 0.09, 12]}},
        {"kind": "sgd", "label": "wsd", "lr": {"logspace": [0.002, 0.09, 12]}, "schedule": schedule},
    ]
    tree = thalweg.run(
        river(
            optimizers=optimizers,
            seeds=200,
            steps=5000,
            landscape={"kind": "river_valley", "sharpness": K, "slope": 0.02},
            noise={"kind": "gaussian", "scale": 1.0},
        )
    )
    best = {name: float(tree[name].loss.isel(step=-1).mean("seed").min()) for name in ("constant", "wsd")}
    assert best["wsd"] < best["constant"]
    hill = tree["wsd"].hill.sel(lr=lr, method="nearest").mean("seed")
    before, after = float(hill.sel(step=slice(3000, 4000)).mean()), float(hill.isel(step=-1))
    assert after < before / 20
