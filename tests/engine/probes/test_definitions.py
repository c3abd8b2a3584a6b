"""Parts of a formula at stored points against NumPy, their derivatives against central differences and closed forms."""

import re

import numpy as np
import pytest
import thalweg
from thalweg.engine.plan import plan
from thalweg.engine.probes import _features
from thalweg.engine.probes._view import view_of
from thalweg.specs.landscapes import _parts

NET = {
    "name": "net",
    "landscape": {
        "kind": "expression",
        "data": {"builtin": "blobs", "test_fraction": 0.25},
        "sizes": {"h": 3},
        "variables": {"W1": ["p", "h"], "b1": ["h"], "W2": ["h", "classes"]},
        "parameters": {"scale": [1.0, 0.5]},
        "define": {"hidden(x)": "tanh(scale*(x @ W1 + b1))", "net": "hidden(X) @ W2"},
        "value": "mean(cross_entropy(net, y))",
    },
    "optimizers": [{"kind": "sgd", "lr": 0.1}],
    "seeds": 2,
    "steps": 4,
    "record": {"every": 2},
}


def viewed(study, tmp_path, steps=(0, 4)):
    import zarr

    thalweg.run(study, tmp_path / "s.zarr", executor="array")
    planned = plan(thalweg.load_study(study))
    group = planned.groups[0]
    box = tuple(slice(0, n) for n in (*(dim.size for dim in group.dims), group.study.seeds))
    return view_of(zarr.open_group(tmp_path / "s.zarr"), planned, group, box, steps)


def blocks(view):
    return {name: view.x[..., where].reshape(*view.x.shape[:2], *view.blocks[name]) for name, where in view.landscape.block_slices.items()}


@pytest.mark.parametrize("part", ["train", "test"])
def test_definitions_are_numpys_of_the_same_arrays(part, tmp_path):
    view = viewed(NET, tmp_path)
    w, data = blocks(view), view.landscape.dataset
    inputs, scale = (data.x if part == "train" else data.x_test), np.array([1.0, 1.0, 0.5, 0.5])[:, None, None, None]
    hidden = np.tanh(scale * (inputs @ w["W1"] + w["b1"][:, :, None]))
    seen = view.on(part)
    np.testing.assert_allclose(_features.matrix(seen, "hidden(X)"), hidden, rtol=1e-13)
    np.testing.assert_allclose(_features.matrix(seen, "net"), hidden @ w["W2"], rtol=1e-12)
    assert _features.shape(view.landscape, "net", part) == (len(inputs), data.classes.size)
    targets = _features.labels(seen, "y")
    np.testing.assert_array_equal(targets[0, 0].argmax(axis=-1), data.codes(test=part == "test"))


def test_other_points_have_axes_of_their_own(tmp_path):
    view = viewed(NET, tmp_path)
    x = np.stack([view.x, 2 * view.x, 0 * view.x], axis=2)
    found = _features.matrix(view, "net", x)
    np.testing.assert_array_equal(found[:, :, 0], _features.matrix(view, "net"))
    assert (found[:, :, 2] == 0).all()


@pytest.mark.parametrize("text", ["net", "hidden(X)", "sum(net*net, axis=1)"])
def test_derivatives_are_those_of_central_differences(text, tmp_path):
    view, h = viewed(NET, tmp_path), 1e-5
    found = _features.jacobian(view, text)
    assert _parts.by_samples(view.landscape, text) is not None
    for k in range(view.x.shape[-1]):
        e = h * np.eye(view.x.shape[-1])[k]
        slope = (_features.matrix(view, text, view.x + e) - _features.matrix(view, text, view.x - e)) / (2 * h)
        np.testing.assert_allclose(found[..., k], slope, atol=1e-9)


def test_samples_that_mix_have_the_same_derivatives_entry_by_entry(tmp_path):
    """Centred by the mean over the samples, a row depends on all of them: the slow way, here against the quick one."""
    view = viewed(NET, tmp_path)
    whole = _features.jacobian(view, "net")
    assert _parts.by_samples(view.landscape, "net - mean(net, axis=0)") is None
    np.testing.assert_allclose(
        _features.jacobian(view, "net - mean(net, axis=0)"), whole - whole.mean(axis=2, keepdims=True), rtol=1e-9, atol=1e-14
    )


def test_samples_drawn_once_a_seed_are_each_seeds_own(tmp_path):
    land = {
        "kind": "expression",
        "sizes": {"n": 9},
        "draws": {"Z": "normal(n, 3)"},
        "variables": {"w": [3]},
        "value": "mean(tanh(Z @ w)**2)",
    }
    view = viewed({**NET, "landscape": land}, tmp_path)
    z = view.p["Z"]
    t = np.tanh(np.einsum("rsnk,rsk->rsn", np.broadcast_to(z, (2, *z.shape[1:])), view.x))
    assert _parts.by_samples(view.landscape, "tanh(Z @ w)") is not None
    np.testing.assert_allclose(_features.jacobian(view, "tanh(Z @ w)")[:, :, :, 0], (1 - t * t)[..., None] * z, rtol=1e-12, atol=1e-15)


def test_derivatives_of_residuals_are_the_landscapes_own(tmp_path):
    land = {"kind": "outlier_network", "hidden": 2, "signals": 3, "samples": 20, "activation": "tanh"}
    view = viewed({**NET, "landscape": land}, tmp_path)
    single = _features.jacobian(view, "error")
    np.testing.assert_allclose(single[:, :, :, 0], view.jacobian() * 20**0.5, rtol=1e-10, atol=1e-12)


def test_a_linear_models_derivatives_are_its_inputs(tmp_path):
    land = {"kind": "expression", "data": {"builtin": "blobs"}, "variables": {"w": ["p"]}, "value": "mean((X @ w - y)**2)"}
    view = viewed({**NET, "landscape": land}, tmp_path)
    found = _features.jacobian(view, "X @ w")
    np.testing.assert_allclose(found[:, :, :, 0], np.broadcast_to(view.landscape.dataset.x, found[:, :, :, 0].shape), rtol=1e-14)


WRONG = [
    ("hiden(X)", "features: there is no function 'hiden'; did you mean 'hidden'"),
    ("nett", "features: the name 'nett' is not defined; did you mean 'net'"),
    ("hidden", r"hidden is a function of 1 argument: write hidden\(...\)"),
    ("sum(net)", "is one number; features have a row for every sample"),
    ("net @ W1 @ W1", "features: "),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_is_no_part_of_the_formula_is_told_in_one_line(text, message):
    said = str(_features.why_not(thalweg.load_study(NET).landscape, text))
    assert re.search(message, said)
    assert "\n" not in said
