"""Optimizers made of particles: the consensus, exact moments of one step, and what each variant is in a limit."""

import numpy as np
import pytest
from thalweg.engine import run
from thalweg.optimizers._particles import consensus
from thalweg.optimizers.cbo import Cbo
from thalweg.optimizers.cbo_adam import CboAdam
from thalweg.optimizers.cbo_memory import CboMemory
from thalweg.optimizers.cbo_polar import CboPolar

RNG = np.random.default_rng(0)
N, D = 40, 3


def fields_of(optimizer):
    """What its rule takes besides arrays, as keyword arguments."""
    return {name: getattr(optimizer, name) for name in optimizer.inputs() if name in type(optimizer).model_fields}


def swarm(n=N, d=D):
    """Points, values and noise."""
    return RNG.normal(size=(2, n, d)), RNG.normal(size=(2, n, 1)), RNG.normal(size=(2, n, d))


@pytest.mark.parametrize("noise", ["isotropic", "anisotropic"])
def test_polar_with_a_wide_kernel_is_cbo(noise):
    x, f, xi = swarm()
    common = {"alpha": 2.0, "sigma": 0.7, "noise": noise}
    polar = CboPolar.update(x, f, xi, **fields_of(CboPolar(kernel=1e8, **common)))
    np.testing.assert_allclose(polar, Cbo.update(x, f, xi, loss=0.0, **fields_of(Cbo(**common))), atol=1e-10)


def test_polar_with_a_narrow_kernel_leaves_everyone_where_it_is():
    x, f, xi = swarm()
    np.testing.assert_allclose(CboPolar.update(x, f, xi, **fields_of(CboPolar(kernel=1e-6))), x, atol=1e-12)


def test_polar_finds_both_minima_of_a_double_well():
    land = {"kind": "expression", "variables": ["x"], "value": "(x**2 - 1)**2"}
    optimizers = [
        {"kind": "cbo_polar", "kernel": 0.3, "sigma": 0.3, "alpha": 20.0, "lr": 0.05},
        {"kind": "cbo", "sigma": 0.3, "alpha": 20.0, "lr": 0.05},
    ]
    study = {"name": "s", "landscape": land, "init": {"kind": "uniform", "low": -2, "high": 2}, "optimizers": optimizers}
    made = run({**study, "seeds": 10, "steps": 300, "record": {"last": True, "variables": ["loss", "swarm"]}})
    ends = made["cbo_polar"].swarm.values[:, 0, :, 0]
    assert ((ends > 0.8).any(axis=1) & (ends < -0.8).any(axis=1)).all()
    assert (np.ptp(made["cbo"].swarm.values[:, 0, :, 0], axis=1) < 0.5).all()


def test_memory_without_pull_on_points_that_only_improve_is_cbo():
    x, f, xi = swarm()
    fields = fields_of(CboMemory(memory_drift=0.0, alpha=3.0))
    moved, best, value = CboMemory.update(x, f, 0 * x, 0 * x, t=1, xi=xi, **fields)
    np.testing.assert_allclose(moved, Cbo.update(x, f, xi, loss=0.0, **fields_of(Cbo(alpha=3.0))), atol=1e-13)
    _, best, value = CboMemory.update(moved, f + 1, best, value, t=2, xi=xi, **fields)
    np.testing.assert_array_equal(best, x)
    np.testing.assert_array_equal(value[..., :1], f)


def test_memory_is_cbxpy_s_step():
    """y <- y - lambda dt (y - c) ..., with the memory's drift taken at the point before the step."""
    x, f, xi = swarm()
    best, value = x + 0.3, np.broadcast_to(f - 1, x.shape)
    fields = CboMemory(alpha=2.0, lr=0.02, memory_drift=0.5, sigma=0.0)
    moved, kept, _ = CboMemory.update(x, f, best, value, t=2, xi=xi, **fields_of(fields))
    c = consensus(best, f - 1, 2.0)
    np.testing.assert_allclose(moved, x - 0.02 * (x - c) - 0.02 * 0.5 * (x - best), atol=1e-14)
    np.testing.assert_array_equal(kept, best)


def test_adam_s_first_step_goes_towards_the_consensus_by_the_rate():
    x, f, xi = swarm()
    moved, _, _ = CboAdam.update(x, f, 0 * x, 0 * x, t=1, xi=xi, **fields_of(CboAdam(sigma=0.0, lr=0.1, alpha=0.5)))
    np.testing.assert_allclose(moved - x, -0.1 * np.sign(x - consensus(x, f, 0.5)), atol=1e-4)


def test_heaviside_drift_moves_only_what_is_worse_than_the_consensus():
    x, f, xi = swarm()
    given = fields_of(Cbo(sigma=0.0, heaviside=True))
    moved = Cbo.update(x, f, xi, loss=np.zeros((2, 1, 1)), **given)
    np.testing.assert_array_equal((moved != x).all(axis=-1), f[..., 0] > 0)


def test_sampling_keeps_a_gaussian_and_optimizing_shrinks_it():
    """f = x^T A x / 2: in the limit of many particles the covariance A^-1 is stationary, for any alpha (derived)."""
    land = {"kind": "quadratic", "dim": 2, "condition": 4.0}
    wanted = [{"kind": "cbs", "label": f"a{alpha}", "alpha": alpha, "particles": 4000, "lr": 0.2} for alpha in (0.5, 2.0)]
    wanted += [{"kind": "cbs", "label": "optimize", "mode": "optimize", "particles": 4000, "lr": 0.2}]
    study = {"name": "s", "landscape": land, "init": {"kind": "normal", "std": 3.0}, "optimizers": wanted, "seeds": 6, "steps": 60}
    made = run({**study, "record": {"last": True, "variables": ["loss", "swarm"]}})
    from thalweg import load_study

    exact = load_study({**study, "optimizers": ["sgd"]}).landscape
    p = {path[-1]: np.full((1, 1), v) for path, v, structural in exact.fields() if not structural}
    a = np.stack([exact.value_and_grad(e[None, None], p, np)[1][0, 0] for e in np.eye(2)])
    for label in ("a0.5", "a2.0"):
        x = made[label].swarm.values[:, 0]
        found = np.mean([np.cov(each.T) for each in x], axis=0)
        np.testing.assert_allclose(found, np.linalg.inv(a), rtol=0.1, atol=0.05 * np.linalg.inv(a).max())
    s, b = 9.0 * np.eye(2), np.exp(-0.2)
    for _ in range(60):
        s = b * b * s + (1 - b * b) * np.linalg.inv(np.linalg.inv(s) + a)
    found = np.mean([np.cov(each.T) for each in made["optimize"].swarm.values[:, 0]], axis=0)
    np.testing.assert_allclose(found, s, rtol=0.1, atol=0.05 * s.max())


def test_a_batch_is_drawn_anew_and_of_its_size():
    from thalweg.engine import check
    from thalweg.engine.executors.array.swarms import SwarmSimulation

    study = {"name": "s", "landscape": "himmelblau", "init": {"kind": "normal"}, "seeds": 3, "steps": 5}
    spec = {**study, "optimizers": [{"kind": "cbo", "particles": 20, "batch": 6}]}
    (shard,) = check(spec).groups[0].shards()
    simulation = SwarmSimulation(shard)
    first, second = simulation.chosen(0), simulation.chosen(1)
    assert first.shape == (3, 20, 1)
    assert (first.sum(axis=1) == 6).all()
    assert (second.sum(axis=1) == 6).all()
    assert (first != second).any()
    assert (run(spec)["cbo"].status == 1).all()
    whole = run({**study, "optimizers": [{"kind": "cbo", "particles": 20, "batch": 20}]})["cbo"].params
    np.testing.assert_array_equal(whole, run({**study, "optimizers": [{"kind": "cbo", "particles": 20}]})["cbo"].params)


def test_the_consensus_is_the_weighted_mean_and_bad_particles_have_no_weight():
    x, f = RNG.normal(size=(3, 10, 2)), RNG.normal(size=(3, 10, 1))
    w = np.exp(-2.0 * f)
    np.testing.assert_allclose(consensus(x, f, 2.0)[:, 0], (w * x).sum(1) / w.sum(1), rtol=1e-12)
    x[0, 4], f[0, 4] = np.nan, np.inf
    keep = np.arange(10) != 4
    np.testing.assert_allclose(consensus(x, f, 2.0)[0], consensus(x[:, keep], f[:, keep], 2.0)[0], rtol=1e-12)
    best = consensus(x, f, 1e9)[1, 0]
    np.testing.assert_allclose(best, x[1, f[1, :, 0].argmin()])


@pytest.mark.parametrize(("noise", "kappa"), [("isotropic", 10), ("anisotropic", 1)])
@pytest.mark.parametrize("convention", ["sqrt_dt", "sqrt_2dt"])
def test_with_the_consensus_held_the_swarm_shrinks_by_the_exact_factor(noise, kappa, convention):
    """E|x - c|^2 is multiplied by (1 - lambda dt)^2 + kappa sigma^2 dt a step; particle 0 has all the weight and sits at c."""
    rng, n, d, dt, sigma = np.random.default_rng(2), 200_000, 10, 0.01, 0.5
    x = rng.normal(size=(1, n, d))
    f = np.ones((1, n, 1))
    f[0, 0] = 0
    xi = rng.normal(size=x.shape)
    fields = fields_of(Cbo(lr=dt, alpha=1e6, sigma=sigma, noise=noise, convention=convention))
    moved = Cbo.update(x, f, xi, loss=0.0, **fields)
    c = x[:, :1]
    ratio = ((moved - c) ** 2).sum(-1).mean() / ((x - c) ** 2).sum(-1).mean()
    wanted = (1 - dt) ** 2 + kappa * sigma**2 * dt * (2 if convention == "sqrt_2dt" else 1)
    assert ratio == pytest.approx(wanted, rel=2e-3)
    np.testing.assert_array_equal(moved[:, 0], x[:, 0])


def test_truncated_noise_is_bounded():
    x, f, xi = 100 * RNG.normal(size=(1, 50, 3)), RNG.normal(size=(1, 50, 1)), np.ones((1, 50, 3))
    given = fields_of(Cbo(lr=0.01, alpha=1.0, drift=0.0, sigma=2.0, truncate=0.5)) | {"loss": 0.0}
    moved = Cbo.update(x, f, xi, **given) - x
    assert np.abs(moved).max() <= 2.0 * 0.1 * 0.5 + 1e-12
    assert np.abs(Cbo.update(x, f, xi, **(given | {"truncate": 0.0})) - x).max() > 1


def test_a_hop_is_an_implicit_gradient_step():
    """N = 20,000: the mean consensus after k hops on f = x^T A x / 2 is (I + alpha s^2 A)^-k x_0, the first cloud counted as a hop."""
    s, alpha, curvature, hops = 0.2, 5.0, np.array([1.0, 3.0]), 4
    study = {
        "name": "s",
        "landscape": {"kind": "quadratic", "spectrum": list(curvature)},
        "init": {"kind": "normal", "mean": [0.4, -0.3], "std": s},
        "seeds": 50,
        "steps": hops,
        "optimizers": [{"kind": "consensus_hopping", "lr": s, "alpha": alpha, "particles": 20_000}],
    }
    found = run(study)["consensus_hopping"].params.values
    for k in range(hops + 1):
        wanted = np.array([0.4, -0.3]) / (1 + alpha * s**2 * curvature) ** (k + 1)
        error = found[:, k].std(0, ddof=1) / np.sqrt(50)
        assert (np.abs(found[:, k].mean(0) - wanted) < 4 * error + 1e-4).all()


def test_swarms_are_stored_with_a_particle_dimension():
    study = {"name": "s", "landscape": {"kind": "rastrigin", "dim": 3}, "init": {"kind": "uniform", "low": -3.0, "high": 3.0}, "seeds": 4}
    record = {"every": 5, "variables": ["loss", "params", "swarm"]}
    made = run({**study, "steps": 20, "optimizers": [{"kind": "cbo", "particles": [5, 9]}], "record": record})["cbo"]
    assert made.swarm.dims == ("particles", "seed", "step", "particle", "dim")
    assert made.swarm.isel(particles=0, particle=slice(5, None)).isnull().all()
    assert made.swarm.isel(particles=1).notnull().all()
    x = made.swarm.values[1]
    f = (x * x + 10 * (1 - np.cos(2 * np.pi * x))).sum(-1, keepdims=True)
    np.testing.assert_allclose(made.params.values[1], consensus(x, f, 100.0)[..., 0, :], rtol=1e-9)
