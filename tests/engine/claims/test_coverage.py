"""How often verdicts are wrong: true claims without tolerance, on data of a known law, fail as often as their confidence says, or less.

A few root seeds are among the tests; `make verify` takes 200 at 20, 100 and 400 seeds, and prints how many failed.
"""

import math

import numpy as np
import pytest
import thalweg.engine as thalweg
import xarray
from helpers.repetitions import few
from scipy.stats import binom, norm
from thalweg.engine.claims.verdict import FAILED, verify
from thalweg.specs.load import load_study

LR = np.array([0.1, 0.2, 0.4])
X, Y = "component(final(params), 0)", "component(final(params), 1)"
SHARE = float(norm.sf(2))
TRUE = {
    "mean": ("mean(component(final(params), 0), 'seed')", 0.0),
    "mean of losses": ("select(mean(final(loss), 'seed'), lr=0.1)", 0.1),
    "median": (f"median({X}, 'seed')", 0.0),
    "median of whole numbers": ("median(floor(select(final(loss), lr=0.4)/0.4), 'seed')", 0.0),
    "quartile": (f"quantile({X}, 0.25, 'seed')", float(norm.ppf(0.25))),
    "quantile .95": (f"quantile({X}, 0.95, 'seed')", float(norm.ppf(0.95))),
    "variance": (f"var({X}, 'seed')", 1.0),
    "ratio": ("select(mean(final(loss), 'seed'), lr=0.2)/select(mean(final(loss), 'seed'), lr=0.1)", 2.0),
    "ratio of medians": ("select(median(final(loss), 'seed'), lr=0.2)/select(median(final(loss), 'seed'), lr=0.1)", 2.0),
    "slope": ("slope(log(mean(final(loss), 'seed')), log(lr), 'lr')", 1.0),
    "argmin": (f"argmin(mean({Y}, 'seed'), 'lr')", 0.2),
    "fraction": (f"fraction({X} > 0.5, 'seed')", float(norm.sf(0.5))),
    "rare fraction": (f"mean({X} > 2, 'seed')", SHARE),
    "share as where": (f"sum(where({X} > 2, 3, 1), 'seed')/seeds", 1 + 2 * SHARE),
    "difference of shares": (f"mean({X} > 0, 'seed') - select(mean({Y} > 0, 'seed'), lr=0.2)", 0.0),
}
NEARLY_EXACT = ("mean", "ratio", "slope")
"""Those whose intervals are not wider than they must be."""


def data(root_seed: int, n: int) -> xarray.DataTree:
    """Loss lr (E + E')/2 with exponential E common to all rates; params standard normal; and normal with means .2, 0, 1 at the rates."""
    rng = np.random.default_rng(root_seed)
    x, y = rng.normal(size=n), rng.normal(size=(3, n)) + np.array([[0.2], [0.0], [1.0]])
    loss = LR[:, None] * (rng.exponential(size=n) + rng.exponential(size=(3, n))) / 2
    params = np.stack([np.broadcast_to(x, (3, n)), y], axis=-1)
    group = xarray.Dataset(
        {
            "loss": (("lr", "seed", "step"), loss[..., None]),
            "params": (("lr", "seed", "step", "dim"), params[:, :, None]),
            "status": (("lr", "seed"), np.ones((3, n), np.int8)),
        },
        {"lr": LR, "seed": np.arange(n), "step": [1]},
    )
    return xarray.DataTree.from_dict({"sgd": group})


def study(n: int, confidence: float):
    def at_one_rate(text: str) -> str:
        return text if "lr" in text else f"select({text}, lr=0.1)"

    claims = [
        {"name": name, "measure": at_one_rate(text), "expected": value, "atol": 1e-9, "confidence": confidence}
        for name, (text, value) in TRUE.items()
    ]
    given = {"name": "coverage", "landscape": "river_valley", "noise": {"kind": "gaussian", "scale": 1.0}, "steps": 1, "seeds": n}
    return load_study({**given, "optimizers": [{"kind": "sgd", "lr": LR.tolist()}], "claims": claims})


def failures(n: int, root_seeds: int, confidence: float) -> dict[str, int]:
    """How many of so many true claims fail."""
    claims = study(n, confidence)
    counts = dict.fromkeys(TRUE, 0)
    for root_seed in range(root_seeds):
        for verdict in verify(data(root_seed, n), claims):
            counts[verdict.name] += verdict.verdict == FAILED
    return counts


def check(counts: dict[str, int], root_seeds: int, confidence: float) -> None:
    """No count beyond what chance allows: one in 10,000."""
    most, least = binom.ppf([1 - 1e-4, 1e-4], root_seeds, 1 - confidence)
    assert {name: k for name, k in counts.items() if k > most} == {}
    assert {name: counts[name] for name in NEARLY_EXACT if counts[name] < least} == {}


@pytest.mark.parametrize("root_seeds", few([8, 25], keep=[8]))
def test_true_claims_seldom_fail(root_seeds):
    check(failures(20, root_seeds, 0.9), root_seeds, 0.9)


@pytest.mark.full
@pytest.mark.parametrize("confidence", [0.95, 0.99])
@pytest.mark.parametrize("n", [20, 100, 400])
def test_true_claims_fail_as_often_as_they_may(n, confidence, capsys):
    counts = failures(n, 200, confidence)
    with capsys.disabled():
        print(f"\nfailed of 200 true claims at {n} seeds and confidence {confidence}: " + ", ".join(f"{k} {v}" for k, v in counts.items()))
    check(counts, 200, confidence)


WALK = {
    "name": "walk",
    "landscape": {"kind": "expression", "variables": ["x"], "value": "0*x", "observables": {"pos": "x"}},
    "init": {"kind": "point", "at": 0.0},
    "noise": {"kind": "gaussian", "scale": 1.0},
    "optimizers": [{"kind": "sgd", "lr": 1.0}],
    "seeds": 20,
    "steps": 1,
    "claims": [
        {"name": "mean", "measure": "mean(final(pos), 'seed')", "expected": 0, "atol": 1e-9},
        {"name": "median", "measure": "median(final(pos), 'seed')", "expected": 0, "atol": 1e-9},
        {"name": "rare", "measure": "sum(final(pos) > 2, 'seed')/seeds", "expected": SHARE, "atol": 1e-9},
        {"name": "scale", "measure": "std(final(pos), 'seed')", "expected": 1, "atol": 1e-9},
    ],
}


def of_runs(root_seeds: int, confidence: float) -> dict[str, int]:
    """Failures on real runs of one step of noise, another root seed each."""
    counts = {claim["name"]: 0 for claim in WALK["claims"]}
    claims = [{**claim, "confidence": confidence} for claim in WALK["claims"]]
    for root_seed in range(root_seeds):
        walk = load_study({**WALK, "claims": claims, "root_seed": root_seed})
        for verdict in verify(thalweg.run(walk), walk):
            counts[verdict.name] += verdict.verdict == FAILED
    return counts


@pytest.mark.parametrize("root_seeds", [20, pytest.param(200, marks=pytest.mark.full)])
def test_true_claims_about_runs_seldom_fail(root_seeds):
    counts = of_runs(root_seeds, 0.9)
    assert all(k <= binom.ppf(1 - 1e-4, root_seeds, 0.1) for k in counts.values()), counts
    assert math.fsum(counts.values()) > 0
