"""Pairs of runs against NumPy's own sums, permuted networks against themselves, wrong pairs in one line."""

import itertools
from typing import Any

import numpy as np
import pytest
import thalweg
import zarr
from helpers.repetitions import few
from thalweg.engine.api import probe
from thalweg.engine.probes._hidden import layers
from thalweg.specs.errors import SpecError

NET = {
    "name": "net",
    "landscape": {"kind": "mlp", "hidden": [5], "data": {"builtin": "blobs"}},
    "optimizers": [{"kind": "sgd", "lr": [0.05, 0.2]}, {"kind": "adam", "lr": [0.01, 0.02]}],
    "seeds": 3,
    "steps": 6,
    "record": {"every": 3},
}


def looked(study=NET, **fields):
    return thalweg.run({**study, "probes": [{"kind": "pairs", **fields}]}, executor="array")


def points(dataset, blocks):
    """The stored parameters (lr, seed, step, dim)."""
    return np.concatenate([dataset[f"params_{name}"].values.reshape(*dataset.loss.shape, -1) for name in blocks], axis=-1)


def network(x, blocks, inputs):
    """The hidden units and the scores of a point."""
    ends = list(itertools.accumulate((int(np.prod(shape)) for shape in blocks.values()), initial=0))
    w = {name: x[a:b].reshape(blocks[name]) for name, a, b in zip(blocks, ends, ends[1:], strict=False)}
    hidden = np.tanh(inputs @ w["W1"] + w["b1"])
    return hidden, hidden @ w["W2"] + w["b2"]


def hsic_cka(x, y):
    """Linear CKA as it is defined: Hilbert-Schmidt independence criteria of centred kernels (Kornblith et al. 2019, section 3)."""
    n = len(x)
    centre = np.eye(n) - 1 / n
    k, l = (a @ a.T for a in (x, y))

    def hsic(a, b):
        return np.trace(a @ centre @ b @ centre)

    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def test_between_seeds_they_are_numpys():
    tree, land = looked(at="all", features=["a1", "z"], predictions="z"), thalweg.load_study(NET).landscape
    found, x = tree["sgd/probe/pairs"], points(tree["sgd"], land.blocks)
    assert found.distance.dims == ("lr", "probe_step", "pair")
    assert list(zip(found["first"].values, found["second"].values, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    for lr, step, (pair, (i, j)) in itertools.product(range(2), range(3), enumerate([(0, 1), (0, 2), (1, 2)])):
        a, b = x[lr, i, step], x[lr, j, step]
        one = found.isel(lr=lr, probe_step=step, pair=pair)
        assert float(one.distance) == pytest.approx(np.linalg.norm(a - b), rel=1e-12)
        assert float(one.cosine) == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-12)
        (h, z), (g, y) = (network(p, land.blocks, land.dataset.x) for p in (a, b))
        assert float(one.cka.sel(feature="a1")) == pytest.approx(hsic_cka(h, g), rel=1e-9)
        assert float(one.cka.sel(feature="z")) == pytest.approx(hsic_cka(z, y), rel=1e-9)
        assert float(one.disagreement) == np.mean(z.argmax(axis=1) != y.argmax(axis=1))


@pytest.mark.parametrize(("between", "axis", "dims"), [("lr", 0, ("seed", "probe_step", "pair")), ("step", 2, ("lr", "seed", "pair"))])
def test_between_values_of_a_sweep_and_between_steps(between, axis, dims):
    tree = looked(at="all", between=between, pairs="first", groups=["sgd"])
    found, x = tree["sgd/probe/pairs"], points(tree["sgd"], thalweg.load_study(NET).landscape.blocks)
    assert found.distance.dims == dims
    whole = np.moveaxis(x, axis, 0)
    wanted = np.stack([np.linalg.norm(whole[0] - other, axis=-1) for other in whole[1:]], axis=-1)
    np.testing.assert_allclose(found.distance.values, wanted, rtol=1e-12)
    assert found["second"].values.tolist() == {"lr": [0.2], "step": [3, 6]}[between]


def test_between_groups_runs_stand_at_the_same_place():
    tree = looked(between="group", groups=["sgd", "adam"], features=["a1"])
    found, blocks = tree["sgd/probe/pairs"], thalweg.load_study(NET).landscape.blocks
    a, b = (points(tree[name], blocks)[:, :, -1] for name in ("sgd", "adam"))
    assert found.distance.dims == ("lr", "seed", "probe_step", "pair")
    np.testing.assert_allclose(found.distance.values[:, :, 0, 0], np.linalg.norm(a - b, axis=-1), rtol=1e-12)
    assert found["second"].values.tolist() == ["adam"]
    assert "probe" not in tree["adam"].children


def test_forks_are_compared_along_their_noise(tmp_path):
    fork = {
        **NET,
        "optimizers": [{"kind": "sgd", "lr": 0.1}],
        "noise": {"kind": "minibatch", "size": 4},
        "noise_seed": [1, 2, 3],
        "probes": [{"kind": "pairs", "between": "noise_seed", "at": "all", "pairs": "consecutive"}],
    }
    tree = thalweg.run(fork, executor="array")
    found, x = tree["sgd/probe/pairs"], points(tree["sgd"], thalweg.load_study(fork).landscape.blocks)
    np.testing.assert_allclose(found.distance.values, np.moveaxis(np.linalg.norm(x[:2] - x[1:], axis=-1), 0, -1), rtol=1e-12)
    assert (found.distance.values[:, 0] == 0).all()
    assert (found.distance.values[:, -1] > 0).all()


def permuted_copy(target, hidden, rng):
    """A store of two seeds, of which the second is set to the first with its hidden units in another order, of every layer its own."""
    study = {**NET, "landscape": {**NET["landscape"], "hidden": hidden}, "seeds": 2, "optimizers": NET["optimizers"][:1]}
    thalweg.run(study, target, executor="array")
    group: Any = zarr.open_group(target)["sgd"]
    orders = [rng.permutation(n) for n in hidden]
    for k in range(len(hidden) + 1):
        weights, bias = (group[f"params_{letter}{k + 1}"][:, 0] for letter in "Wb")
        if k:
            weights = weights[..., orders[k - 1], :]
        if k < len(hidden):
            weights, bias = weights[..., orders[k]], bias[..., orders[k]]
        group[f"params_W{k + 1}"][:, 1], group[f"params_b{k + 1}"][:, 1] = weights, bias


@pytest.mark.parametrize("hidden", few([[6], [6, 6], [5, 7, 6]], keep=[[6]]))
def test_a_permuted_network_is_found_again(hidden, tmp_path):
    permuted_copy(tmp_path / "s.zarr", hidden, np.random.default_rng(len(hidden)))
    assert float(probe(tmp_path / "s.zarr", "pairs")["sgd/probe/pairs"].distance.min()) > 0.5
    tree = probe(tmp_path / "s.zarr", "pairs", name="matched", align="permutation", at="all")
    activations = [f"a{k + 1}" for k in range(len(hidden))]
    other = probe(tmp_path / "s.zarr", "pairs", name="by", align="permutation", matching="activations", activations=activations)
    assert (tree["sgd/probe/matched"].distance.values == 0).all()
    assert (tree["sgd/probe/matched"].moved.values > 0).all()
    assert (other["sgd/probe/by"].distance.values == 0).all()


def test_matching_beats_every_other_order_of_one_layer():
    tree = looked(align="permutation", groups=["sgd"])
    x, blocks = points(tree["sgd"], thalweg.load_study(NET).landscape.blocks)[:, :, -1], thalweg.load_study(NET).landscape.blocks
    a, b = x[0, 0], x[0, 1]
    first, bias, second = b[:20].reshape(4, 5), b[20:25], b[25:40].reshape(5, 3)
    assert [int(np.prod(shape)) for shape in blocks.values()] == [20, 5, 15, 3]
    every = [
        np.linalg.norm(a - np.concatenate([first[:, order].ravel(), bias[order], second[order].ravel(), b[40:]]))
        for order in map(list, itertools.permutations(range(5)))
    ]
    assert float(tree["sgd/probe/pairs"].distance[0, 0, 0]) == pytest.approx(min(every), rel=1e-12)


def tensors(value, variables, sizes=None):
    return {"kind": "expression", "value": value, "variables": variables, "sizes": sizes or {"d": 3, "h": 4}}


@pytest.mark.parametrize(
    ("landscape", "wanted"),
    [
        (tensors("sum((W @ V)**2)", {"W": ["d", "h"], "V": ["h", "d"]}), [("h", (("W", 1), ("V", 0)))]),
        (tensors("sum(sin(V @ sum(W, axis=1)))", {"W": ["h", "d"], "V": ["h", "h"]}), [("h", (("W", 0), ("V", 1)))]),
        (
            tensors("sum(tanh(A @ tanh(A @ v))*w)", {"A": ["h", "h"], "v": ["h"], "w": ["h"]}),
            [("h", (("A", 0), ("A", 1), ("v", 0), ("w", 0)))],
        ),
        (tensors("sum((W @ V)[0]) + W[0, 1]", {"W": ["d", "h"], "V": ["h", "d"]}), []),
        (tensors("sum(w*exp(v))", {"w": ["h"], "v": ["h"]}), [("h", (("w", 0), ("v", 0)))]),
        (tensors("sum(w*v*arange(h))", {"w": ["h"], "v": ["h"]}), []),
        ({"kind": "softmax_regression", "data": {"builtin": "blobs"}}, []),
        ({"kind": "teacher_network"}, [("hidden", (("W1", 1), ("w2", 0)))]),
        ({"kind": "rosenbrock"}, []),
    ],
    ids=str,
)
def test_hidden_units_are_found_in_the_program(landscape, wanted):
    land = thalweg.load_study({**NET, "landscape": landscape, "optimizers": [{"kind": "sgd", "lr": 0.1}]}).landscape
    found = [(layer.name, layer.axes) for layer in layers(land)]
    assert found == wanted
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 1, land.size))
    for _, axes in found if landscape["kind"] != "teacher_network" else []:  # which has samples of its own
        parts = {name: x[0, 0, where].reshape(land.blocks[name]) for name, where in land.block_slices.items()}
        order = rng.permutation(land.blocks[axes[0][0]][axes[0][1]])
        for name, axis in axes:
            parts[name] = np.take(parts[name], order, axis=axis)
        moved = np.concatenate([part.ravel() for part in parts.values()])
        assert float(land.value(moved[None, None], {}, np).item()) == pytest.approx(float(land.value(x, {}, np).item()), rel=1e-12)


def test_a_run_that_diverged_has_no_pairs():
    study = {**NET, "landscape": {"kind": "rosenbrock"}, "optimizers": [{"kind": "sgd", "lr": [1e-4, 10.0]}], "init": {"kind": "normal"}}
    found = looked(study, at="all")["sgd/probe/pairs"].distance.values
    assert np.isnan(found[1, -1]).all()
    assert np.isfinite(found[0]).all()


ONE = {**NET, "seeds": 1}
FLAT = {**NET, "landscape": {"kind": "rosenbrock"}}
SIZES = {**NET, "landscape": {"kind": "quadratic", "dim": [2, 4]}}
UNEQUAL = {**NET, "optimizers": [{"kind": "sgd", "lr": [0.1, 0.2]}, {"kind": "adam", "lr": 0.1}]}
MATCH = {"align": "permutation"}
WRONG = [
    (NET, {"between": "lrr"}, "between: sgd has no dimension 'lrr'; did you mean 'lr'"),
    (ONE, {}, "between: sgd has one seed; there is nothing to compare it with"),
    (NET, {"between": "step"}, "between: sgd has one step; list two or more in `at`"),
    (SIZES, {"between": "landscape.dim"}, "between: runs along 'landscape.dim' have points of different sizes"),
    (NET, {"between": "group"}, "between: group compares optimizers; name two or more in `groups`"),
    (NET, {"between": "group", "groups": ["sgd", "sgd"]}, "name two or more in `groups`, each once"),
    (
        UNEQUAL,
        {"between": "group", "groups": ["sgd", "adam"]},
        r"sgd and adam sweep different sizes \(lr: 2; nothing\); their runs cannot be paired",
    ),
    (NET, {"between": "group", "groups": ["sgd", "adan"]}, "groups: there is no optimizer 'adan'; did you mean 'adam'"),
    ({**NET, "seeds": 200}, {}, "pairs: all of 200 are 19,900 pairs; at most 10,000 are allowed; take consecutive or first"),
    (NET, {"hidden": ["W1.1"]}, "hidden: is for align: permutation; leave it out"),
    (FLAT, MATCH, "align: rosenbrock has no hidden units"),
    (NET, {**MATCH, "hidden": ["W1.0"]}, r"hidden: mlp has no hidden units 'W1.0'; did you mean 'W1.1'\? \(known: W1.1\)"),
    (NET, {**MATCH, "activations": ["a1"]}, "activations: is for matching: activations; leave it out"),
    (
        NET,
        {**MATCH, "matching": "activations"},
        r"activations: name one definition for each of W1.1, whose last axis it is \(found: none\)",
    ),
    (NET, {**MATCH, "matching": "activations", "activations": ["z"]}, r"activations: name one definition for each of W1.1"),
    (NET, {**MATCH, "matching": "activations", "activations": ["a9"]}, "activations: the name 'a9' is not defined"),
    (NET, {"features": ["a9"]}, "features: the name 'a9' is not defined"),
    (FLAT, {"features": ["x"]}, "features: needs a landscape that is a formula over tensors, and rosenbrock is not one"),
    (NET, {"features": ["b1"]}, r"features: 'b1' has the shape \(5,\); it must be \(samples, features\)"),
    (NET, {"predictions": "mean(z)"}, r"predictions: mean\(z\) is one number; features have a row for every sample"),
]


@pytest.mark.parametrize(("base", "fields", "message"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_wrong_pairs_are_refused_before_anything_runs(base, fields, message):
    with pytest.raises(SpecError, match=message):
        thalweg.load_study({**base, "probes": [{"kind": "pairs", **fields}]})
