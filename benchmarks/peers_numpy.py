"""Batched NumPy as a careful user writes it: arrays over all runs, in place, float32 noise from default_rng."""

import functools
from typing import Any

import numpy as np

NAME = "NumPy, batched"


def river(study: dict[str, Any]) -> Any:
    """Case a."""
    return functools.partial(_river, study["seeds"], study["steps"], np.dtype(study["precision"]).type)


def _river(runs: int, steps: int, real: Any) -> np.ndarray:
    rng, lr, b1, b2, eps = np.random.default_rng(0), real(0.01), real(0.9), real(0.999), real(1e-8)
    z, m, v, g, w, noise = (np.zeros((2, runs), real) for _ in range(6))
    r, c = np.zeros(runs, real), np.zeros(runs, real)
    for t in range(1, steps + 1):
        np.sin(z[0], out=r)
        np.subtract(z[1], r, out=r)
        np.cos(z[0], out=c)
        np.multiply(r, real(20), out=g[1])
        np.multiply(g[1], c, out=g[0])
        np.negative(g[0], out=g[0])
        g[0] -= real(0.05)
        rng.standard_normal(out=noise, dtype=real)
        noise *= real(0.5)
        g += noise
        m *= b1
        np.multiply(g, 1 - b1, out=w)
        m += w
        v *= b2
        np.multiply(g, g, out=w)
        w *= 1 - b2
        v += w
        np.multiply(v, real(1 / (1 - 0.999**t)), out=w)
        np.sqrt(w, out=w)
        w += eps
        np.divide(m, w, out=w)
        w *= lr * real(1 / (1 - 0.9**t))
        z -= w
    return 10 * (z[1] - np.sin(z[0])) ** 2 - real(0.05) * z[0]


def rastrigin(study: dict[str, Any]) -> Any:
    """Case b."""
    return functools.partial(_rastrigin, study["start"], study["steps"], np.dtype(study["precision"]).type)


def _rastrigin(start: np.ndarray, steps: int, real: Any) -> np.ndarray:
    z = start.astype(real)
    m, g, s = (np.zeros_like(z) for _ in range(3))
    for _ in range(steps):
        np.multiply(z, real(2 * np.pi), out=s)
        np.sin(s, out=s)
        s *= real(20 * np.pi)
        np.multiply(z, 2, out=g)
        g += s
        m *= real(0.9)
        m += g
        np.multiply(m, real(1e-3), out=g)
        z -= g
    return np.sum(z * z + 10 * (1 - np.cos(real(2 * np.pi) * z)), axis=1)


def rosenbrock(study: dict[str, Any]) -> Any:
    """Case c: hyperparameters broadcast."""
    return functools.partial(_rosenbrock, study["grid"], study["steps"], np.dtype(study["precision"]).type)


def _rosenbrock(grid: Any, steps: int, real: Any) -> np.ndarray:
    lr, b1, b2 = (h.astype(real) for h in grid)
    z = -np.ones((10, len(lr)), real)
    m, v, g, w = (np.zeros_like(z) for _ in range(4))
    p1, p2 = np.ones_like(b1), np.ones_like(b2)
    for _ in range(steps):
        a, b = z[:-1], z[1:]
        r = b - a * a
        r *= 200
        g[:-1] = 2 * (a - 1) - 2 * r * a
        g[-1] = 0
        g[1:] += r
        p1 *= b1
        p2 *= b2
        m *= b1
        np.multiply(g, 1 - b1, out=w)
        m += w
        v *= b2
        g *= g
        np.multiply(g, 1 - b2, out=w)
        v += w
        np.multiply(v, 1 / (1 - p2), out=w)
        np.sqrt(w, out=w)
        w += real(1e-8)
        np.divide(m, w, out=w)
        w *= lr / (1 - p1)
        z -= w
    return np.sum(100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2, axis=0)
