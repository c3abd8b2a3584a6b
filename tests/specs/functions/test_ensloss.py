"""The loss that is given by its slopes: against a version of its own in NumPy, and that it learns."""

import warnings

import numpy as np
import pytest
import thalweg
from thalweg.specs.errors import SpecError
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import given
from thalweg.specs.program.read import Reading


def slopes(margin, z, lam):
    """By loops over ranks, as the paper has it."""
    made = np.empty(len(margin))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        steep = [np.exp(v) if lam == 0 else np.float64(max(1 + lam * v, 0)) ** (1 / lam) for v in z]
    steep = sorted(max(-v, -1.0) for v in steep)
    for rank, k in enumerate(sorted(range(len(margin)), key=lambda k: margin[k])):
        made[k] = steep[rank] / margin[k] if margin[k] > 1 else steep[rank]
    return made - 1e-6


def both(margin, z, text="ensloss(m, z, lam)", lam=0.0):
    """The value, the gradient of its sum by the margins and by z, and the Hessian times ones."""
    inputs = {"m": given("m", margin.shape), "z": given("z", z.shape), "lam": given("lam")}
    y, along = Reading(inputs).read(text), given("d", margin.shape)
    total = Reading(inputs).read(f"sum({text})")
    outputs = [y, *grad(total, [inputs["m"], inputs["z"]]), *hvp(total, [inputs["m"]], [along])]
    arrays = {"m": margin, "z": z, "lam": np.asarray(lam), "d": np.ones(margin.shape)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return [np.broadcast_to(a, shape) for a, shape in zip(evaluate(outputs, np, arrays), (margin.shape,) * 4, strict=True)]


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0, -0.5, -1.0, 1e-3])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_its_slopes_are_those_of_an_own_version(lam, count):
    rng = np.random.default_rng(count)
    margin, z = 2 * rng.normal(size=count), rng.normal(size=count)
    wanted = slopes(margin, z, lam)
    for text in ("ensloss(m, z, lam)", f"ensloss(m, z, {lam})", f"ensloss(m, z, lam={lam})"):
        value, slope, by_z, curved = both(margin, z, text, lam)
        np.testing.assert_allclose(slope, wanted, rtol=1e-12)
        np.testing.assert_allclose(value, wanted * margin, rtol=1e-12)
        assert not by_z.any()
        assert not curved.any()


def test_its_slopes_are_those_of_a_convex_loss_that_falls_everywhere():
    rng = np.random.default_rng(0)
    margin, z = 3 * rng.normal(size=(20, 10)), 3 * rng.normal(size=(20, 10))
    for lam in (-1.0, 0.0, 0.7):
        _, slope, _, _ = both(margin, z, lam=lam)
        assert np.all(slope < 0)
        assert np.all(slope >= -1 - 1e-6)
        assert np.all(np.diff(slope.ravel()[np.argsort(margin.ravel())]) >= 0)


def test_equal_margins_take_their_slopes_in_order_and_runs_have_their_own():
    _, slope, _, _ = both(np.zeros(3), np.array([-1.0, -3.0, -2.0]))
    np.testing.assert_allclose(slope, -np.exp([-1.0, -2.0, -3.0]) - 1e-6, rtol=1e-14)


def test_wrong_arguments_are_told():
    for margin, z, text in (((3,), (4,), "ensloss(m, z)"), ((3,), (3,), "ensloss(m, z, z)")):
        with pytest.raises(SpecError, match="ensloss takes"):
            Reading({"m": given("m", margin), "z": given("z", z)}).read(text)


def test_it_learns_on_minibatches():
    study = {
        "name": "ensemble",
        "landscape": {
            "kind": "expression",
            "data": {"builtin": "blobs", "classes": 2},
            "variables": {"w": ["p"], "b": []},
            "draws": {"z": "normal(n)"},
            "define": {"margin": "(2*y - 1)*(X @ w + b)"},
            "value": "mean(ensloss(margin, z[:n]))",
            "observables": {"right": "mean(margin > 0)"},
        },
        "noise": {"kind": "minibatch", "size": 16},
        "init": {"kind": "point", "at": 0.0},
        "optimizers": [{"kind": "adam", "lr": 0.03}],
        "seeds": 4,
        "steps": 200,
    }
    right = thalweg.run(study)["adam"].right
    assert float(right.isel(step=0).max()) == 0
    assert float(right.isel(step=-1).min()) > 0.8
