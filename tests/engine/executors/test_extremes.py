"""The executors at extremes: every rule, gradients of all magnitudes, hyperparameters that no one would choose. Both executors must agree on how
each run ends, on when, and on every finite number within rounding. tests/peers compares them with torch.

A study holds many cases: the points of a sweep over the slope `s` of its landscape, or over a hyperparameter. A failure lists those that differ.
"""

from itertools import product

import numpy as np
import pytest
from helpers.extremes import CLOSE, SLOPES, alike, both, closeness, study
from helpers.repetitions import few
from helpers.studies import collected, shards
from thalweg.engine.executors.choose import array_simulation
from thalweg.optimizers._matrix import MatrixOptimizer
from thalweg.optimizers._particles import ParticleOptimizer
from thalweg.optimizers.base import ElementwiseOptimizer, VectorOptimizer
from thalweg.specs.registry import OPTIMIZERS
from thalweg.specs.status import Status

POINTWISE = [k for k in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(k), (ElementwiseOptimizer, VectorOptimizer))]
SWARMS = [k for k in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(k), ParticleOptimizer)]
MATRICES = [k for k in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(k), MatrixOptimizer)]
PRECISIONS = pytest.mark.parametrize("precision", ["float32", "float64"])


def differences(spec):
    """(number of cases, those in which the executors differ)."""
    count, told = 0, []
    for shard, (expected, ended), (found, end) in both(spec):
        count += ended.status.size
        columns, (a, b) = named(shard), (np.asarray(expected["params"]), found["params"])
        for point, seed in np.ndindex(*ended.status.shape):
            where = {name: values[point] for name, values in columns.items()}
            ends = [(o.status[point, seed], o.last_step[point, seed]) for o in (ended, end)]
            if ends[0] != ends[1] or not alike(a[point, seed], b[point, seed], closeness(spec["precision"], where)):
                told.append(
                    f"{shard.group.name} {where}: (status, last step) {ends}; {a[point, seed].tolist()}, fused {b[point, seed].tolist()}"
                )
    return count, told


def named(shard):
    """Sweep values by name, one a point."""
    return {
        "/".join((owner, *path)): np.asarray(v).reshape(-1) for owner, columns in shard.columns().items() for path, v in columns.items()
    }


def agree(spec):
    count, told = differences(spec)
    assert not told, f"{len(told)} of {count} cases differ:\n" + "\n".join(told[:12])
    return count


def fields(kind):
    return OPTIMIZERS.load(kind).model_fields


def rules(*keep):
    """Every rule in both precisions; `make test` takes these."""
    return pytest.mark.parametrize(("kind", "precision"), few(product(POINTWISE, ("float32", "float64")), keep=keep))


@rules(*product(("adagrad", "adam", "lion", "sgd", "spherical_sgd"), ("float32",)), ("adam", "float64"))
def test_every_rule_at_every_magnitude(kind, precision):
    agree(study(precision, [{"kind": kind, "lr": 0.1}]))


@rules(("rmsprop", "float32"), ("sgd", "float64"), ("spherical_sgd", "float32"))
def test_every_rule_where_runs_share_a_block(kind, precision):
    spec = study(precision, [{"kind": kind, "lr": 0.1}], seeds=64)
    agree(spec)


EXTREME = {
    "lr": {"float32": [0.0, 1e-30, 1e30, 1.0], "float64": [0.0, 1e-200, 1e200, 1.0]},
    "eps": {"float32": [0.0, 1e-45, 1e-40, 1e-20, 1e30], "float64": [0.0, 5e-324, 1e-310, 1e-170, 1e200]},
    "eps_root": {"float32": [0.0, 1e-40, 1e30], "float64": [0.0, 1e-310, 1e200]},
    "beta1": [0.0, 0.99999999],
    "beta2": [0.0, 0.99999999, 0.5],
    "beta": [0.0, 0.99999999],
    "alpha": [0.0, 0.99999999],
    "rho": [0.0, 0.99999999],
    "momentum": [0.0, 0.99999999],
    "weight_decay": [0.0, 1e-30, 1.0, 1e30],
    "momentum_decay": [0.0, 1e6],
    "initial_accumulator_value": [0.0, 1e-40, 1e38],
    "lr_decay": [0.0, 1e30],
    "temperature": {"float32": [0.0, 1e-40, 1e30], "float64": [0.0, 1e-310, 1e200]},
    "inverse_temperature": [0.0, 1e-30, 1e30],
}


@rules(*product(("adagrad", "adam", "lion", "sgld"), ("float32",)), ("power_iteration", "float64"), ("sgd", "float64"))
def test_extreme_hyperparameters(kind, precision):
    optimizers = []
    for name, given in EXTREME.items():
        if name in fields(kind) and not (kind == "power_iteration" and name == "lr"):
            values = given[precision] if isinstance(given, dict) else given
            optimizers.append({"kind": kind, "label": name, "lr": 0.1, name: values})
    slopes = SLOPES[precision][::2]
    agree(study(precision, optimizers, slopes=slopes) if optimizers else study(precision, [kind]))


EITHER = [("float32", 1), ("float64", 64)]
"""A precision and a number of seeds, for `make test`."""
PRECISIONS_AND_SEEDS = pytest.mark.parametrize(("precision", "seeds"), few(product(("float32", "float64"), (1, 64)), keep=EITHER))


@PRECISIONS_AND_SEEDS
@pytest.mark.parametrize("clip", ["norm", "value"])
def test_clipping(clip, precision, seeds):
    at = {"float32": [1e-45, 1e-40, 1e-20, 1.0, 1e20, 3e38], "float64": [5e-324, 1e-310, 1e-160, 1.0, 1e160, 1e300]}[precision]
    optimizers = [{"kind": kind, "lr": 1.0, "clip": {"kind": clip, "at": at}} for kind in ("sgd", "adam")]
    agree(study(precision, optimizers, seeds=seeds))


FORMULAS = {
    "quadratic": "s*x**2/2 + s*y**2/8",
    "quartic": "s*x**4 + y**4",
    "a root": "sqrt(x*x + s) + s*y",
    "exponential": "exp(s*x) + y",
    "quotient": "s/(1 + x**2) + s*y",
}


@pytest.mark.parametrize(
    ("formula", "precision"),
    few(product(FORMULAS, ("float32", "float64")), keep=[("quadratic", "float32"), ("a root", "float64"), ("quotient", "float32")]),
)
def test_formulas_from_extreme_starts(formula, precision):
    """Slopes up to where the derivative's factors still are numbers."""
    starts = {"float32": [1e-40, 1e-20, 1.0, 1e10, 1e20, 1e38], "float64": [1e-310, 1e-160, 1.0, 1e80, 1e160, 1e300]}[precision]
    slopes = [s for s in SLOPES[precision] if s < 1e38 or precision == "float64"]
    if formula == "a root":  # of a subnormal s few digits are left, and the slope at the kink is made of them
        slopes = [s for s in slopes if s == 0 or s >= np.finfo(precision).tiny]
    for start in starts[: 5 if formula == "quotient" else 6]:
        spec = study(precision, [{"kind": k, "lr": 0.1} for k in ("sgd", "adam")], FORMULAS[formula], slopes)
        agree({**spec, "init": {"kind": "point", "at": start}})


@rules(("lion", "float64"), ("sgd", "float32"), ("spherical_sgd", "float64"))
def test_gradients_that_are_no_numbers(kind, precision):
    """At 0 the gradient of sqrt(x) is infinite and the value is not; log(x) y is neither a number nor finite. Momenta of 0 are no way round."""
    more = [
        {"kind": kind, "label": name, name: 0.0} for name in ("lr", "momentum", "beta1", "beta2", "alpha", "rho") if name in fields(kind)
    ]
    more = [o for o in more if not (kind == "power_iteration" and o["label"] == "lr")]
    for value in ("sqrt(x) + s*y", "log(x)*x + s*y", "s*exp(y*1000) - x"):
        agree(study(precision, [kind, *more], value, slopes=[1.0, 1e-30]))


@pytest.mark.parametrize(("kind", "precision"), few(product(SWARMS, ("float32", "float64")), keep=[("cbo", "float32"), ("cbs", "float64")]))
def test_swarms(kind, precision):
    """Values, and distances, of all magnitudes; those that no kernel runs end in numbers or have diverged."""
    spec = study(precision, [{"kind": kind, "particles": 5, "lr": 0.1}], "s*(x**2 + y**2)")
    for std in {"float32": [1e-30, 1.0, 1e18, 1e25], "float64": [1e-200, 1.0, 1e160]}[precision]:
        given = {**spec, "init": {"kind": "normal", "std": std}}
        agree(given)
        for shard in shards(given):
            sane(*collected(array_simulation(shard)))


def sane(data, outcome):
    """Numbers up to the last step, and NaN after it."""
    values, ended = np.asarray(data["params"]), outcome.last_step
    alive = np.arange(values.shape[2]) <= ended[..., None]
    np.testing.assert_array_equal(np.isfinite(values).all(axis=3), alive)
    assert set(np.unique(outcome.status)) <= {Status.FINISHED, Status.DIVERGED}


@PRECISIONS
@pytest.mark.parametrize("kind", MATRICES)
def test_matrices(kind, precision):
    sizes = {"float32": [1e-30, 1e-20, 1.0, 1e15, 1e25], "float64": [1e-200, 1e-160, 1.0, 1e120, 1e160]}[precision]
    for size in sizes:
        land = {"kind": "matrix_quadratic", "rows": 3, "cols": 2}
        spec = {**study(precision, [{"kind": kind, "lr": 0.1}]), "landscape": land, "init": {"kind": "normal", "std": size}}
        for shard in shards(spec):
            sane(*collected(array_simulation(shard)))


# Right values, not only equal ones


@PRECISIONS_AND_SEEDS
def test_a_clipped_step_has_its_length_and_direction(precision, seeds):
    """A gradient (s, -s / 4) of any size, clipped to length `at`, moves by lr at (-4, 1) / sqrt(17)."""
    slopes = [s for s in SLOPES[precision] if s > 1e-36 and s != 3.4e38]  # there the value overflows after the step
    for at in {"float32": [1e-36, 1.0], "float64": [1e-300, 1.0]}[precision]:
        optimizer = {"kind": "sgd", "lr": 1.0, "clip": {"kind": "norm", "at": at}}
        spec = study(precision, [optimizer, "power_iteration"], slopes=slopes, seeds=seeds, init={"kind": "point", "at": 0.0}, steps=1)
        for shard, *every in both(spec):
            s = named(shard)["landscape/parameters/s"]
            length = np.minimum(at, np.hypot(s, s / 4)) if shard.group.name == "sgd" else np.ones_like(s)
            for data, outcome in every:
                moved = np.asarray(data["params"])[:, 0, 1].astype(np.longdouble)
                expected = length[:, None].astype(np.longdouble) * np.array([-4, 1]) / np.sqrt(np.longdouble(17))
                assert (np.abs(moved - expected) <= CLOSE[precision] * np.abs(expected)).all()
                assert (outcome.status == Status.FINISHED).all()


@pytest.mark.parametrize("size", [1e20, 1e21, 3e38])
def test_a_moment_that_overflows_stops_adam(size):
    """sqrt(v^) is infinite, and m^ / infinity is 0."""
    spec = study("float32", ["adam", {"kind": "adam", "label": "small", "eps": 1e-40}], slopes=[size])
    for _, *every in both(spec):
        for data, outcome in every:
            assert (np.asarray(data["params"]) == [0.0, 1.0]).all()
            assert (outcome.status == Status.FINISHED).all()
