"""Rules of one's own in kernels: what they may say beyond the bundled ones, against the array executor."""

from itertools import product
from typing import Literal

import numpy as np
import pytest
import thalweg
from helpers.studies import collected, shards
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.codegen.rule_source import rule_source
from thalweg.engine.executors.cpu.points import why_not
from thalweg.optimizers._particles import ParticleOptimizer, consensus
from thalweg.optimizers.base import VectorOptimizer, norm, unit
from thalweg.specs.base import Real
from thalweg.specs.session import forget
from thalweg.specs.sweep import Structural, Swept


def loops(x, g, v, t, lr, decay, flag):
    for power in range(1, 4):
        v = decay * v + g**power / 8
    return x - lr * v, v


def asks_for_the_size(x, g, v, t, lr, decay, flag):
    return x - lr * g / np.sqrt(x.shape[-1]) + 0 * v, v + x.shape[-1]


def chooses(x, g, v, t, lr, decay, flag):
    early = (t <= 5) & flag
    inside = ~(np.abs(g) > 1) & np.isfinite(g) & (decay > 0.5)
    return x - lr * np.where(early | inside, np.clip(g, -1, 1), np.sign(g)), np.where(early, 0.0, v + 1)


def means(x, g, v, t, lr, decay, flag):
    centre = np.mean(g, axis=-1, keepdims=True)
    spread = np.sqrt(np.sum((g - centre) ** 2, axis=-1, keepdims=True) * decay + 1)
    return x - lr * (g - centre) / spread, v + centre * spread


def turns(x, g, v, t, lr, decay, flag):
    v = decay * v + unit(g + 1) * norm(x) / (1 + norm(unit(g + 1) + x))
    return x - lr * v - lr * unit(v), v


def sums_without_axis(x, g, v, t, lr, decay, flag):
    return x - lr * np.vecdot(x, g)[..., None] * x / (1 + np.sum(x * x, axis=-1, keepdims=True)), v - np.vecdot(x, x)[..., None]


def shares(x, g, v, t, lr, decay, flag):
    small = (np.sum(g * g, axis=-1, keepdims=True) < 4) & ~(t == 3)
    return x - lr * np.where(small | (g > 0), g, 0.5 * g), np.where(small, v, -g)


RULES = {rule.__name__: rule for rule in (loops, asks_for_the_size, chooses, means, turns, sums_without_axis, shares)}


@pytest.fixture(autouse=True)
def _own_session():
    yield
    forget()


def of_vectors(update):
    class Own(VectorOptimizer):
        """A rule of a test."""

        kind: Literal["own"] = "own"
        lr: Swept[Real] = 0.1
        decay: Swept[Real] = 0.9
        flag: Structural[bool] = True

        state = ("v",)

    Own.update = staticmethod(update)
    return Own


@pytest.mark.parametrize(("name", "dim"), product(RULES, (1, 3)))
def test_the_array_executors_numbers(name, dim):
    thalweg.optimizer(of_vectors(RULES[name]))
    land = {"kind": "styblinski_tang", "dim": dim}
    rule = {"kind": "own", "lr": [0.01, 0.02], "decay": 0.75}
    spec = {
        "name": "t",
        "landscape": land,
        "init": {"kind": "uniform", "low": 1, "high": 2},
        "optimizers": [rule],
        "seeds": 40,
        "steps": 30,
    }
    (shard,) = shards(spec)
    assert why_not(shard.group) is None
    (wanted, _), (found, _) = collected(array_simulation(shard)), collected(simulation(shard, "fused"))
    np.testing.assert_allclose(found["params"], wanted["params"], rtol=1e-9, atol=1e-10)


def test_one_module_for_all_dimensions_unless_a_rule_asks():
    def text(name, dim):
        return rule_source(of_vectors(RULES[name])(), dim, "float32", 64, True)[0]

    for name in RULES:
        same = text(name, 4) == text(name, 9)
        assert same == (name not in ("asks_for_the_size", "means")), name


class Drifts(ParticleOptimizer):
    """Particles whose rule sums what it must not, as `wrong` says."""

    kind: Literal["drifts"] = "drifts"
    lr: Swept[Real] = 0.1
    wrong: Structural[str] = ""

    @staticmethod
    def update(x, f, lr, alpha, wrong):
        away = x - consensus(x, f, alpha)
        if wrong == "particles":
            away = away - np.mean(x, axis=-2, keepdims=True)
        if wrong == "alpha":
            away = away / alpha
        if wrong == "values":
            away = away * np.sum(f, axis=-1, keepdims=True)
        if wrong == "keepdims":
            away = away / np.sqrt(1 + np.sum(away * away, axis=-1))
        return (x - lr * away,)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("", None),
        ("particles", "its rule has a sum over something other than the components"),
        ("values", "its rule has a sum over something other than the components"),
        ("alpha", "its rule uses alpha outside the consensus"),
        ("keepdims", "its rule has a sum without keepdims=True"),
    ],
)
def test_what_a_rule_of_particles_may_say(wrong, reason):
    thalweg.optimizer(Drifts)
    rule = {"kind": "drifts", "wrong": wrong, "particles": 3}
    (shard,) = shards({"name": "t", "landscape": {"kind": "styblinski_tang", "dim": 3}, "init": "normal", "optimizers": [rule], "steps": 5})
    assert why_not(shard.group) == reason
