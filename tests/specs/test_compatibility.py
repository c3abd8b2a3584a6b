"""What would crash in a run, or silently do nothing, is refused when the study is read; what a reader should know is said."""

import numpy as np
import pytest
from thalweg.engine import load_study, run
from thalweg.engine.plan import plan
from thalweg.specs import reserved
from thalweg.specs.compatibility import remarks
from thalweg.specs.errors import SpecError

BASE = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 3}
BLOBS = {"kind": "softmax_regression", "data": {"builtin": "blobs"}}
MATRIX = {"kind": "matrix_quadratic", "rows": 3, "cols": 2}
SPREAD = {"init": {"kind": "normal"}}
EXPRESSION = {"kind": "expression", "variables": ["x"], "value": "(x-1)**2"}


def observed(*observables, **more):
    return {"landscape": {**EXPRESSION, "observables": dict.fromkeys(observables, "2*x")}, **more}


REFUSED = {
    "muon on a vector": ({"optimizers": ["muon"]}, r"muon cannot act on himmelblau, whose blocks are params \(2\)"),
    "fismo": ({"optimizers": ["fismo"], "landscape": {"kind": "rosenbrock", "dim": 10}}, r"fismo cannot act .*params \(10\)"),
    "shampoo beside sgd": ({"optimizers": ["sgd", "shampoo"]}, "shampoo cannot act"),
    "soap, labelled": ({"optimizers": [{"kind": "soap", "label": "s", "lr": [0.1, 1]}]}, "s cannot act"),
    "hidden flips": ({"optimizers": [{"kind": "curl_descent", "hidden_flips": 0.5}]}, "hidden_flips flip rows of a matrix"),
    "swept flips": ({"optimizers": [{"kind": "curl_descent", "readout_flips": [0.0, 0.5]}]}, "readout_flips flip rows"),
    "both flips of one matrix": (
        {"landscape": MATRIX, "optimizers": [{"kind": "curl_descent", "readout_flips": 0.5, "hidden_flips": 0.5}]},
        "not both",
    ),
    "flips of no block": ({"optimizers": [{"kind": "curl_descent", "flips": {"parms": 0.5}}]}, "no block 'parms'; did you mean 'params'"),
    "signs that are no formula": (
        {"optimizers": [{"kind": "curl_descent", "signs": {"params": ["1", "q + 1"]}}]},
        r"signs.params: the name 'q' is not defined \(known: pi, e\)",
    ),
    "signs of another shape": (
        {"optimizers": [{"kind": "curl_descent", "signs": {"params": "arange(3)"}}]},
        r"signs.params: has the shape \(3,\), which does not broadcast to that of params, \(2,\)",
    ),
    "endless signs": ({"optimizers": [{"kind": "curl_descent", "signs": {"params": "1/(0*arange(2))"}}]}, "is not finite everywhere"),
    "clip on a swarm": ({**SPREAD, "optimizers": [{"kind": "cbo", "clip": {"kind": "norm", "at": 1e-6}}]}, "clip acts on gradients"),
    "clip on cbs": ({**SPREAD, "optimizers": [{"kind": "cbs", "clip": "value"}]}, "clip acts on gradients"),
    "noise nobody sees": (
        {**SPREAD, "noise": {"kind": "gaussian", "scale": [0.1, 1]}, "optimizers": ["cbo", "cbs"]},
        "scale is swept",
    ),
    "tails": ({**SPREAD, "noise": {"kind": "student_t", "df": [2, 3]}, "optimizers": ["cbo_adam"]}, "df is swept, and student_t noise"),
    "minibatch without data": ({"noise": "minibatch"}, "needs a landscape made of data"),
    "minibatch without samples": (
        {"noise": "minibatch", "landscape": {"kind": "single_index", "samples": [10, 0]}},
        "needs a landscape made of data",
    ),
    "online without samples": ({"noise": "online", "landscape": BLOBS}, "distribution of samples"),
    "particles on a point": ({"optimizers": ["cbo"]}, "all start at one point"),
    "particles without spread": ({"init": {"kind": "normal", "std": [0, 1]}, "optimizers": ["cbo"]}, "all start at one point"),
    "an empty interval": ({"init": {"kind": "uniform", "low": 1, "high": 1}, "optimizers": ["cbs"]}, "all start at one point"),
    "fan_in for vectors": ({"init": "fan_in"}, "himmelblau has no matrix"),
    "no solution": ({"init": "solution"}, "has no planted solution"),
    **{
        f"observable {name}": (observed(name), "an observable cannot be called")
        for name in ("average_loss", "swarm", "loss", "curl", "seed")
    },
    **{f"observable {name}": (observed(name), "an observable cannot be called") for name in ("params_x", "loss_mean", "steps", "diverged")},
    **{
        f"observable {name}": (observed(name), "an observable cannot be called") for name in ("Loss", "SWARM", "aux", "final_loss", "count")
    },
    "observables by case": (observed("gap", "Gap"), "differ in case only"),
    "a statistic of another": (observed("gap", "gap_mean", record={"stats": ["mean"]}), "of another observable"),
    "parameter loss": (
        {"landscape": {**EXPRESSION, "value": "loss*x", "parameters": {"loss": 1.0}}},
        "none can be called 'loss'; claims use",
    ),
    "parameter and observable": (
        {"landscape": {**EXPRESSION, "value": "k*x", "parameters": {"k": 1.0}, "observables": {"k": "x"}}},
        "is also the name of an observable",
    ),
    "sweeps by case": (
        {"landscape": {**EXPRESSION, "value": "k*x + K", "parameters": {"k": [1.0, 2.0], "K": [1.0, 2.0]}}},
        "differ in case only",
    ),
    "labels by case": ({"optimizers": [{"kind": "sgd", "label": "SGD"}, "sgd"]}, "differ in case only"),
    **{
        f"label {label}": ({"optimizers": [{"kind": "sgd", "label": label}]}, "cannot be called")
        for label in ("zarr.json", "Zarr.JSON", "__a", "a.", "con", "AUX.x", "com1", "a" * 101, "noise", "init", "landscape")
    },
    "label .": ({"optimizers": [{"kind": "sgd", "label": "."}]}, "label"),
    "label ..": ({"optimizers": [{"kind": "sgd", "label": ".."}]}, "label"),
    "rest with a schedule": (
        {"landscape": MATRIX, "optimizers": [{"kind": "muon", "rest": {"schedule": "cosine"}}]},
        "rest has no schedule",
    ),
    "rest with a clip": ({"landscape": MATRIX, "optimizers": [{"kind": "soap", "rest": {"clip": "norm"}}]}, "rest has no clip"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_refused_when_read(what):
    changes, message = REFUSED[what]
    with pytest.raises(SpecError, match=message) as caught:
        load_study({**BASE, **changes})
    assert "\n" not in str(caught.value)


ALLOWED = {
    "flips at 0": {"optimizers": [{"kind": "curl_descent", "hidden_flips": 0.0}]},
    "noise beside gradients": {**SPREAD, "noise": "gaussian", "optimizers": ["sgd", "cbo"]},
    "noise of swarms alone": {**SPREAD, "noise": "gaussian", "optimizers": ["cbo"]},
    "hopping from a point": {"optimizers": ["consensus_hopping", "cbo_adam"]},
    "an average of a swarm": {**SPREAD, "optimizers": [{"kind": "cbo", "average": "polyak"}]},
    "observables": observed("gap", "energy", "seed_", "x"),
    "labels": {"optimizers": [{"kind": "sgd", "label": label} for label in ("c", "a.b", "sgd+", "console", "lr", "zarr", "e", "seed")]},
    "parameters": {"landscape": {**EXPRESSION, "value": "k*x + seed", "parameters": {"k": 1.0, "seed": [1.0, 2.0]}}},
}


@pytest.mark.parametrize("what", sorted(ALLOWED))
def test_what_goes_together_runs(what, tmp_path):
    tree = run({**BASE, **ALLOWED[what]}, tmp_path / "out.zarr")
    for group in tree.children.values():
        assert (group.status > 0).all()


def test_every_array_of_a_store_has_a_reserved_name_unless_the_study_names_it():
    """Whatever `lay_out` creates beside sweeps and observables is refused as an observable's name."""
    record = {"variables": ["loss", "params", "average_loss", "average_params", "gradient_norm", "hessian_vector", "singular_values"]}
    studies = [
        {**BASE, "landscape": MATRIX, "optimizers": [{"kind": "muon", "average": "polyak"}], "record": {**record, "state": [2]}},
        {**BASE, **SPREAD, "optimizers": [{"kind": "cbo", "average": "ema"}], "record": {"variables": ["loss", "swarm", "params"]}},
        {**BASE, "optimizers": ["sgd"], "record": {"stats": ["mean", "var", "quantiles"]}, "seeds": 3},
        {**BASE, "landscape": {"kind": "deep_linear", "inputs": 3, "hidden": 2, "outputs": 2}, "record": {"variables": ["params"]}},
    ]
    for study in studies:
        land = load_study(study).landscape
        for group in run(study).children.values():
            own = {f"{block}_{k}" for block, shape in land.blocks.items() for k in range(len(shape))} if len(land.blocks) > 1 else set()
            left = [name for name in group.variables if not reserved.reserved(str(name)) and name not in own]
            assert not [n for n in left if not any(str(n).startswith(o) for o in land.observable_names)]


def test_the_rest_rule_is_said_and_its_rate_can_be_swept(tmp_path):
    rates = [3e-4, 3e-2]
    study = {**BASE, "landscape": BLOBS, "init": {"kind": "normal"}, "optimizers": [{"kind": "muon", "rest": {"lr": rates}}], "steps": 4}
    tree = run(study, tmp_path / "out.zarr")
    group = tree["muon"]
    assert group.attrs["rest"] == "AdamW updates the parameters that are not matrices: b"
    assert group.loss.dims == ("rest.lr", "seed", "step")
    plain = run({**study, "optimizers": ["muon"]})["muon"]
    np.testing.assert_array_equal(group.params_b.sel({"rest.lr": 3e-4}).values, plain.params_b.values)
    assert (group.params_b.isel({"rest.lr": 0}) != group.params_b.isel({"rest.lr": 1})).any()
    adamw = {"kind": "adamw", "lr": 3e-2, "beta2": 0.95, "eps": 1e-10, "weight_decay": 0.0}
    other = run({**study, "optimizers": [adamw]})["adamw"]
    np.testing.assert_allclose(group.params_b[1, :, 1].values, other.params_b[:, 1].values, rtol=1e-12)


def test_both_rates_can_be_swept_at_once():
    study = {**BASE, "landscape": BLOBS, "optimizers": [{"kind": "soap", "lr": [0.01, 0.02], "rest": {"lr": [1e-3, 1e-2]}}]}
    (group,) = plan(load_study(study)).groups
    assert {dim.name for dim in group.dims} == {"lr", "rest.lr"}


def test_what_does_not_act_is_said():
    study = load_study({**BASE, **SPREAD, "noise": "gaussian", "optimizers": ["sgd", "cbo"]})
    said = [remarks(study, o) for o in study.optimizers]
    assert said == [{}, {"noise": "gaussian noise acts on gradients, which cbo does not use"}]
    land = {"kind": "linear_teacher", "inputs": 8, "hidden": 5}
    study = load_study({**BASE, "landscape": land, "optimizers": [{"kind": "curl_descent", "hidden_flips": [0.0, 0.05, 0.5]}]})
    assert remarks(study, study.optimizers[0]) == {"hidden_flips": "0, 0, 4 of 8"}


def test_a_stored_study_of_before_is_read():
    """Stores hold the whole of `rest`, with what it has no use for at its defaults."""
    data = load_study({**BASE, "landscape": MATRIX, "optimizers": ["muon"]}).model_dump(mode="json")
    assert data["optimizers"][0]["rest"]["schedule"] == {"kind": "constant", "warmup": 0.0}
    assert load_study(data).optimizers[0].rest.beta2 == 0.95
