"""Paths against closed forms: barriers of (uv - 1)^2/2, polynomials and their curvature, Bezier curves, permuted networks; wrong paths in one line."""

import itertools
from typing import Any

import numpy as np
import pytest
import thalweg
import zarr
from helpers.repetitions import few
from thalweg.engine.api import probe
from thalweg.engine.probes._curves import Polygon
from thalweg.specs.errors import SpecError

HYPERBOLA = {"kind": "expression", "value": "(u*v - 1)**2/2", "variables": ["u", "v"]}
STUDY = {
    "name": "s",
    "landscape": HYPERBOLA,
    "init": {"kind": "normal"},
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05]}],
    "seeds": 3,
    "steps": 4,
    "record": {"every": 2},
}


def looked(study=STUDY, **fields):
    return thalweg.run({**study, "probes": [{"kind": "path", **fields}]}, executor="array")["sgd/probe/path"]


def placed(target, points, study=STUDY):
    """A store of the study in which the seeds are at these points, at all steps."""
    thalweg.run({**study, "seeds": len(points)}, target, executor="array")
    group: Any = zarr.open_group(target)["sgd"]
    group["params"][...] = np.broadcast_to(np.array(points)[:, None], group["params"].shape)
    return target


@pytest.mark.parametrize(("a", "b"), [(1.0, 3.0), (0.5, 2.0), (1.0, -1.0), (4.0, 4.0)])
def test_the_barrier_of_a_hyperbola_is_its_closed_form(a, b, tmp_path):
    target = placed(tmp_path / "s.zarr", [(a, 1 / a), (b, 1 / b)])
    found = probe(target, "path", curvature=3, ancestor=0)["sgd/probe/path"].isel(lr=0, probe_step=0, pair=0)
    wanted = ((a - b) ** 2 / (4 * a * b)) ** 2 / 2
    for name in ("barrier", "barrier_from_mean", "barrier_from_curvature"):
        assert float(found[name]) == pytest.approx(wanted, rel=1e-12, abs=1e-15)
    assert float(found.distance) == pytest.approx(np.hypot(a - b, 1 / a - 1 / b), rel=1e-12)
    assert found.loss.dims == ("point",)
    np.testing.assert_allclose(found.alpha.values, np.linspace(0, 1, 21), rtol=1e-15)
    s = found.alpha.values
    np.testing.assert_allclose(found.loss.values, ((a - b) ** 2 / (a * b) * s * (1 - s)) ** 2 / 2, rtol=1e-9, atol=1e-15)


def test_the_two_barriers_differ_where_the_ends_do(tmp_path):
    target = placed(tmp_path / "s.zarr", [(0.0, 0.0), (1.0, 1.0)])
    found = probe(target, "path")["sgd/probe/path"].isel(lr=0, probe_step=0, pair=0)
    s = np.linspace(0, 1, 21)
    loss = (s * s - 1) ** 2 / 2
    assert float(found.barrier) == pytest.approx((loss - (1 - s) / 2).max(), rel=1e-12)
    assert float(found.barrier_from_mean) == pytest.approx(0.25, rel=1e-12)


NET = {
    **STUDY,
    "landscape": {"kind": "mlp", "hidden": [6], "data": {"builtin": "blobs"}},
    "optimizers": [{"kind": "sgd", "lr": 0.5}],
    "steps": 40,
    "record": {"every": 20},
}


def test_the_barrier_follows_from_the_curvature_on_the_segment():
    """A barrier is an integral of D^T H D along the segment and nothing else."""
    found = looked({**NET, "init": {"kind": "fan_in"}}, at="all", curvature=5, points=11)
    assert float(found.barrier.max()) > 0.01
    np.testing.assert_allclose(found.barrier_from_curvature.values, found.barrier.values, rtol=1e-6, atol=1e-9)


def params(dataset, blocks):
    """(seed, step, dim)."""
    return np.concatenate([dataset[f"params_{name}"].values.reshape(*dataset.loss.shape, -1) for name in blocks], axis=-1)


def test_losses_observables_and_angles_are_the_landscapes_own():
    study = {**NET, "init": {"kind": "fan_in"}, "probes": [{"kind": "path", "observables": ["accuracy"], "ancestor": 20, "points": 5}]}
    tree, land = thalweg.run(study, executor="array"), thalweg.load_study(study).landscape
    found, x = tree["sgd/probe/path"].isel(probe_step=0), params(tree["sgd"], land.blocks)
    p = {"l2": np.zeros((1, 1))}
    for pair, (i, j) in enumerate(itertools.combinations(range(3), 2)):
        a, b = x[i, -1], x[j, -1]
        for k, alpha in enumerate(np.linspace(0, 1, 5)):
            point = ((1 - alpha) * a + alpha * b)[None, None]
            assert float(found.loss[pair, k]) == pytest.approx(land.value(point, p, np).item(), rel=1e-12)
            assert float(found.accuracy[pair, k]) == pytest.approx(land.observe(point, p, np)["accuracy"].item(), rel=1e-12)
        u, v = a - x[i, 1], b - x[j, 1]
        assert float(found.angle[pair]) == pytest.approx(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)), rel=1e-9)
    assert found.angle.attrs["units"] == "rad"


@pytest.mark.parametrize("hidden", few([[6], [5, 5]], keep=[[6]]))
def test_a_permuted_network_has_no_barrier_after_matching(hidden, tmp_path):
    study, rng = (
        {**NET, "init": {"kind": "fan_in"}, "landscape": {**NET["landscape"], "hidden": hidden}, "seeds": 2},
        np.random.default_rng(1),
    )
    thalweg.run(study, tmp_path / "s.zarr", executor="array")
    group: Any = zarr.open_group(tmp_path / "s.zarr")["sgd"]
    orders = [rng.permutation(n) for n in hidden]
    for k in range(len(hidden) + 1):
        weights, bias = (group[f"params_{letter}{k + 1}"][0] for letter in "Wb")
        weights = weights[:, orders[k - 1]] if k else weights
        if k < len(hidden):
            weights, bias = weights[..., orders[k]], bias[..., orders[k]]
        group[f"params_W{k + 1}"][1], group[f"params_b{k + 1}"][1] = weights, bias
    plain = probe(tmp_path / "s.zarr", "path")["sgd/probe/path"]
    assert float(plain.barrier[0, 0]) > 0.01
    for name, fields in {
        "weights": {},
        "units": {"matching": "activations", "activations": [f"a{k + 1}" for k in range(len(hidden))]},
    }.items():
        found = probe(tmp_path / "s.zarr", "path", name=name, align="permutation", **fields)[f"sgd/probe/{name}"]
        assert float(found.barrier[0, 0]) < 1e-15
        assert float(found.distance[0, 0]) == 0
        assert float(found.moved[0, 0]) > 0


def test_a_polygon_goes_back_through_the_first_and_on_through_the_second():
    tree = thalweg.run({**STUDY, "probes": [{"kind": "path", "curve": "polygon", "through": [0, 2], "points": 9}]}, executor="array")
    found, x = tree["sgd/probe/path"].isel(probe_step=0), tree["sgd"].params.values
    for lr, (pair, (i, j)) in itertools.product(range(2), enumerate(itertools.combinations(range(3), 2))):
        corners = [x[lr, i, 2], x[lr, i, 1], x[lr, i, 0], x[lr, j, 0], x[lr, j, 1], x[lr, j, 2]]
        way = np.concatenate([[0], np.cumsum([np.linalg.norm(b - a) for a, b in itertools.pairwise(corners)])])
        assert float(found.length[lr, pair]) == pytest.approx(way[-1], rel=1e-12)
        places = np.linspace(0, way[-1], 9)
        u, v = (np.interp(places, way, [c[k] for c in corners]) for k in (0, 1))
        np.testing.assert_allclose(found.loss.values[lr, pair], (u * v - 1) ** 2 / 2, rtol=1e-9)


def test_between_steps_a_polygon_goes_along_the_run():
    tree = thalweg.run(
        {**STUDY, "probes": [{"kind": "path", "between": "step", "at": "all", "curve": "polygon", "through": [2]}]}, executor="array"
    )
    found, x = tree["sgd/probe/path"], tree["sgd"].params.values
    assert list(zip(found["first"].values, found["second"].values, strict=True)) == [(0, 2), (0, 4), (2, 4)]
    legs = np.linalg.norm(np.diff(x, axis=2), axis=-1)
    np.testing.assert_allclose(found.length.values, np.stack([legs[..., 0], legs.sum(axis=-1), legs[..., 1]], axis=-1), rtol=1e-12)
    np.testing.assert_allclose(found.loss.values[:, :, 1, -1], (x[:, :, 2, 0] * x[:, :, 2, 1] - 1) ** 2 / 2, rtol=1e-12)


def test_a_polygon_without_length_stays_where_it_is():
    one = np.ones((1, 1, 2))
    path = Polygon([one, one, one])
    assert all((path.at(alpha) == 1).all() for alpha in (0.0, 0.3, 1.0))
    assert path.length() == 0


def test_a_trained_curve_finds_the_way_round_and_a_curve_between_two_branches_does_not(tmp_path):
    """Minima are a hyperbola of two branches. From (1/2, 2) to (2, 1/2) the best parabola is nearly flat; between the branches u = 0 or v = 0 must be
    crossed, where the loss is 1/2."""
    target = placed(tmp_path / "s.zarr", [(0.5, 2.0), (2.0, 0.5), (-1.0, -1.0)])
    straight, curved = (
        probe(target, "path", name=n, curve=n, points=101)[f"sgd/probe/{n}"].isel(lr=0, probe_step=0) for n in ("segment", "bezier")
    )
    assert float(straight.barrier[0]) == pytest.approx((1.5**2 / 4) ** 2 / 2, rel=1e-12)
    assert float(curved.barrier[0]) < 0.02 * float(straight.barrier[0])
    assert float(curved.barrier[1:].min()) >= 0.49
    assert float(curved.length[0]) > float(curved.distance[0])
    s = np.linspace(0, 1, 2001)

    def mean(m):
        x, y = (((1 - s) ** 2 * a + 2 * s * (1 - s) * m + s * s * b) for a, b in ((0.5, 2.0), (2.0, 0.5)))
        return np.trapezoid((x * y - 1) ** 2 / 2, s)

    best = min(mean(m) for m in np.linspace(0, 2, 2001))  # the middle is symmetric
    assert float(np.trapezoid(curved.loss.values[0], np.linspace(0, 1, 101))) < 1.1 * best + 1e-4


def test_a_trained_curve_has_the_same_bits_in_pieces(monkeypatch):
    from thalweg.engine.store import look

    fields = {"curve": "bezier", "curve_steps": 20, "at": "all"}
    wanted = looked(**fields)
    monkeypatch.setattr(look, "PIECE_NUMBERS", 1)
    found = looked(**fields)
    np.testing.assert_array_equal(found.loss.values, wanted.loss.values)


def test_forks_of_one_point_have_the_barrier_of_their_branches():
    """Forks along noise from step 2 on of a pitchfork: at the step of the fork there is no distance, afterwards they part."""
    study = {
        **STUDY,
        "landscape": {"kind": "expression", "value": "(x**2 - 1)**2/4", "variables": ["x"]},
        "init": {"kind": "point", "at": 0.0},
        "noise": {"kind": "gaussian", "scale": 1.0},
        "optimizers": [{"kind": "sgd", "lr": 0.1}],
        "noise_seed": [1, 2, 3, 4],
        "steps": 60,
        "record": {"every": 30},
    }
    tree = thalweg.run({**study, "probes": [{"kind": "path", "between": "noise_seed", "at": "all", "points": 201}]}, executor="array")
    found, x = tree["sgd/probe/path"], tree["sgd"].params.values[..., 0]
    assert found.barrier.dims == ("seed", "probe_step", "pair")
    assert (found.barrier.values[:, 0] == 0).all()
    s = np.linspace(0, 1, 201)
    for seed, (pair, (i, j)) in itertools.product(range(3), enumerate(itertools.combinations(range(4), 2))):
        a, b = x[i, seed, -1], x[j, seed, -1]
        loss = (((1 - s) * a + s * b) ** 2 - 1) ** 2 / 4
        assert float(found.barrier[seed, -1, pair]) == pytest.approx(
            max(0, (loss - (1 - s) * loss[0] - s * loss[-1]).max()), rel=1e-9, abs=1e-15
        )


def test_a_store_is_read_again(tmp_path):
    wanted = thalweg.run({**STUDY, "probes": [{"kind": "path"}, {"kind": "path", "name": "curve", "curve": "bezier"}]}, tmp_path / "s.zarr")
    again = thalweg.run(
        {**STUDY, "probes": [{"kind": "path"}, {"kind": "path", "name": "curve", "curve": "bezier"}]}, tmp_path / "s.zarr", resume=True
    )
    for name in ("path", "curve"):
        np.testing.assert_array_equal(again[f"sgd/probe/{name}"].loss.values, wanted[f"sgd/probe/{name}"].loss.values)
    thalweg.plot(tmp_path / "s.zarr", "barrier", tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 10_000


def test_claims_name_barriers():
    from thalweg.engine.api import verify_study

    claims = [{"name": "none", "measure": "max(final(path.barrier), ['lr', 'pair'])", "greater_than": "-1"}]
    _, verdicts = verify_study(thalweg.load_study({**STUDY, "probes": ["path"], "claims": claims}))
    assert [verdict.verdict for verdict in verdicts] == ["passed"]


def test_units_that_are_none_are_told(monkeypatch):
    from thalweg.engine.probes import _matching
    from thalweg.engine.probes._hidden import Hidden

    monkeypatch.setattr(_matching, "layers", lambda land: [Hidden("wrong", 6, (("W1", 1), ("b1", 0)))])
    study = {**NET, "init": {"kind": "fan_in"}}
    with pytest.raises(
        SpecError, match="probes: path: align: another order of wrong changes the loss, so these are no hidden units; see `hidden`"
    ):
        looked(study, align="permutation")


DRAWN = {**STUDY, "landscape": {"kind": "linear_teacher"}, "init": {"kind": "fan_in"}}
CHANGING = {**STUDY, "landscape": {"kind": "expression", "value": "t*sum(x**2)", "variables": {"x": [2]}}}
SWEPT = {**STUDY, "landscape": {"kind": "rosenbrock", "b": [1.0, 10.0]}}
FIRST = {**STUDY, "landscape": {**STUDY["landscape"], "observables": {"first": "u"}}}
WRONG = [
    (STUDY, {"between": "sead"}, "between: sgd has no dimension 'sead'; did you mean 'seed'"),
    ({**STUDY, "seeds": 1}, {}, "between: sgd has one seed; there is nothing to compare it with"),
    (DRAWN, {}, "between: every seed has its own landscape linear_teacher, so there is no common loss between two seeds"),
    (CHANGING, {"between": "step", "at": "all"}, "between: the landscape expression changes from step to step"),
    (SWEPT, {"between": "b"}, "between: runs along 'b' have different landscapes"),
    (STUDY, {"curve": "line"}, "curve"),
    (STUDY, {"points": 2}, "points"),
    (STUDY, {"through": [2]}, "through: is for curve: polygon; leave it out"),
    (STUDY, {"curve": "polygon"}, "through: is needed for a polygon: the stored steps between its ends"),
    (STUDY, {"curve": "polygon", "through": [1]}, r"through: sgd has no stored parameters of step 1 \(stored: 0, 2, 4\)"),
    (STUDY, {"curve": "polygon", "through": [2], "at": [2]}, "through: step 2 is not before step 2, at which the probe looks"),
    (STUDY, {"ancestor": 3}, r"ancestor: sgd has no stored parameters of step 3 \(stored: 0, 2, 4\)"),
    (STUDY, {"curve_lr": 0.1}, "curve_lr: is for curve: bezier; leave it out"),
    (STUDY, {"curve": "bezier", "curvature": 2}, "curvature: is of segments; leave it out"),
    (STUDY, {"observables": ["gap"]}, "observables: there is no observable 'gap'; the landscape has none"),
    (NET, {"observables": ["accuracy_"]}, "observables: there is no observable 'accuracy_'; did you mean 'accuracy'"),
    (FIRST, {"observables": ["first"]}, "observables: 'first' is the name of something that a path stores"),
    (STUDY, {"align": "permutation"}, "align: expression has no hidden units"),
    (STUDY, {"align": "permutations"}, "align"),
    (STUDY, {"at": [3]}, r"at: sgd has no stored parameters of step 3 \(stored: 0, 2, 4\)"),
]


@pytest.mark.parametrize(("base", "fields", "message"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_wrong_paths_are_refused_before_anything_runs(base, fields, message):
    with pytest.raises(SpecError, match=message):
        thalweg.load_study({**base, "probes": [{"kind": "path", **fields}]})


def test_a_sweep_called_alpha_keeps_its_name():
    study = {**STUDY, "landscape": {**HYPERBOLA, "value": "alpha*(u*v - 1)**2/2", "parameters": {"alpha": [1.0, 2.0]}}}
    found = looked(study)
    assert found.alpha.dims == ("alpha",)
    assert found.alpha_of_path.dims == ("point",)
