"""Consensus-based optimization against CBXpy: runs come below the pooled median equally often, within binomial error."""

import types

import numpy as np
import pytest
import thalweg
from scipy.stats import fisher_exact
from thalweg.optimizers._particles import consensus

cbx = pytest.importorskip("cbx.dynamics")
RUNS, PARTICLES, DIM, STEPS = 300, 60, 10, 600
SETTINGS = {
    "rastrigin": {"sigma": 3.0, "alpha": 30.0, "noise": "anisotropic"},
    "ackley": {"sigma": 4.5, "alpha": 30.0, "noise": "anisotropic"},
}


def objective(kind):
    land = thalweg.load_study({"name": "s", "landscape": {"kind": kind, "dim": DIM}, "optimizers": ["sgd"], "steps": 1}).landscape
    p = {path[-1]: np.full((1, 1), value) for path, value, structural in land.fields() if not structural}
    return lambda x: land.value(x, p, np)


def theirs(kind, sigma, alpha, noise):
    f, start = objective(kind), np.random.default_rng(1).uniform(-3, 3, (RUNS, PARTICLES, DIM))
    np.random.seed(2)
    swarm = cbx.CBO(f, x=start, f_dim="3D", noise=noise, sigma=sigma, alpha=alpha, lamda=1.0, dt=0.01, max_it=STEPS, verbosity=0)
    swarm.optimize(sched=types.SimpleNamespace(update=lambda dynamic: None))
    return f(consensus(swarm.x, f(swarm.x)[..., None], alpha))[:, 0]


def ours(kind, sigma, alpha, noise):
    optimizer = {"kind": "cbo", "sigma": sigma, "alpha": alpha, "noise": noise, "lr": 0.01, "particles": PARTICLES}
    study = {"name": "s", "landscape": {"kind": kind, "dim": DIM}, "init": {"kind": "uniform", "low": -3.0, "high": 3.0}, "seeds": RUNS}
    made = thalweg.run({**study, "optimizers": [optimizer], "steps": STEPS, "record": {"last": True, "variables": ["loss"]}})
    return made["cbo"].loss.values[:, 0]


@pytest.mark.parametrize("kind", SETTINGS)
def test_success_rates_agree(kind):
    losses = ours(kind, **SETTINGS[kind]), theirs(kind, **SETTINGS[kind])
    below = np.median(np.concatenate(losses))
    successes = [int((x < below).sum()) for x in losses]
    assert fisher_exact([[s, RUNS - s] for s in successes]).pvalue > 1e-3, (successes, [np.median(x) for x in losses])
