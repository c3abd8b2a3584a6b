"""Formulas over samples that are new at every step: what updates see, what is recorded, whatever runs them."""

import array_api_strict
import numpy as np
import pytest
import thalweg
from thalweg.engine import check, run
from thalweg.engine.executors import philox
from thalweg.engine.executors.choose import array_simulation
from thalweg.engine.runner.branch import branched
from thalweg.specs.errors import SpecError

STREAM = {
    "kind": "expression",
    "sizes": {"d": 3},
    "variables": {"w": ["d"]},
    "parameters": {"sigma": 0.5},
    "draws": {"teacher": "sphere(d)"},
    "samples": {"x": "normal(batch, d)", "xi": "normal(batch)"},
    "define": {"y": "x @ teacher + sigma*xi"},
    "value": "mean((x @ w - y)**2)/2",
    "population": "sum((w - teacher)**2)/2 + sigma**2/2",
    "observables": {"distance": "sum((w - teacher)**2)"},
}
HELD = {**{key: value for key, value in STREAM.items() if key != "population"}, "held": 64}


def study(land, **more):
    base = {
        "name": "s",
        "landscape": land,
        "init": {"kind": "normal"},
        "noise": {"kind": "online", "size": 8},
        "optimizers": [{"kind": "sgd", "lr": 0.05}],
        "seeds": 3,
        "steps": 5,
    }
    return {**base, **more}


def simulated(land, xp=np, **more):
    (shard,) = check(study(land, **more)).groups[0].shards()
    return array_simulation(shard, xp)


def by_hand(made, t, size=8, seeds=3):
    """x (seeds, size, 3), y (seeds, size) of the update after step t."""
    z = philox.normal(made.study.root_seed, philox.BATCH, np.arange(seeds), [t], size * 4, np.float64)[0].reshape(seeds, size, 4)
    x, e = z[..., :3], z[..., 3]
    return x, np.einsum("sbd,sd->sb", x, made.p["teacher"][0]) + 0.5 * e


@pytest.mark.parametrize("land", [STREAM, HELD], ids=["population", "held out"])
def test_every_update_sees_new_samples(land):
    made = simulated(land)
    w = made.start()
    for t in range(4):
        loss, g = made.look(w, t)
        x, y = by_hand(made, t)
        miss = np.einsum("sbd,psd->psb", x, w) - y
        np.testing.assert_allclose(loss, (miss**2).mean(-1) / 2, rtol=1e-12)
        np.testing.assert_allclose(g, np.einsum("psb,sbd->psd", miss, x) / 8, rtol=1e-12)


def test_what_is_recorded_is_the_expected_value():
    made = run(study(STREAM))["sgd"]
    np.testing.assert_allclose(made.loss, made.distance / 2 + 0.125, rtol=1e-12)


def test_without_it_the_loss_is_that_on_samples_held_out_for_all_steps():
    made, simulation = run(study(HELD))["sgd"], simulated(HELD)
    z = philox.normal(simulation.study.root_seed, philox.DISORDER, np.arange(3), [0], 3 + 64 * 4, np.float64)[0]
    teacher = z[:, :3] / np.linalg.norm(z[:, :3], axis=1, keepdims=True)
    x, e = z[:, 3:].reshape(3, 64, 4)[..., :3], z[:, 3:].reshape(3, 64, 4)[..., 3]
    for t in (0, 5):
        w = made.params.isel(step=t).values
        miss = np.einsum("sbd,sd->sb", x, w - teacher) - 0.5 * e
        np.testing.assert_allclose(made.loss.isel(step=t), (miss**2).mean(-1) / 2, rtol=1e-12)


def test_updates_do_not_depend_on_what_is_recorded():
    known, held = (run(study(land))["sgd"] for land in (STREAM, HELD))
    np.testing.assert_array_equal(known.params, held.params)
    assert simulated(STREAM).parts.landscape.disorder_size == 3
    assert simulated(HELD).parts.landscape.disorder_size == 3 + 64 * 4


def test_without_noise_what_is_recorded_is_descended():
    for land in (STREAM, HELD):
        made = simulated(land, noise="none")
        w = made.start()
        np.testing.assert_array_equal(made.look(w, 0)[0], made.parts.landscape.value(w, made.p, np))
    made = run(study(STREAM, noise="none", steps=200, optimizers=[{"kind": "sgd", "lr": 0.5}]))["sgd"]
    np.testing.assert_allclose(made.loss.isel(step=-1), 0.125, rtol=1e-12)


def test_observables_that_name_samples_are_those_of_the_held_out_ones():
    land = {**STREAM, "held": 4000, "observables": {"shown": "mean(abs(x @ w - y) > 1)", "mean": "mean(x)"}}
    made = run(study(land))["sgd"]
    assert (np.abs(made["mean"]) < 0.06).all()
    np.testing.assert_array_equal(made["mean"], np.broadcast_to(made["mean"][:, :1], made["mean"].shape))
    assert len(np.unique(made["mean"])) == 3
    np.testing.assert_allclose(made.loss.isel(step=0), run(study(STREAM))["sgd"].loss.isel(step=0), rtol=1e-12)


def test_samples_depend_on_seed_and_step_alone():
    every = run(study(STREAM, seeds=5, precision="float32"))["sgd"]
    few = run(study(STREAM, seeds=2, precision="float32", landscape={**STREAM, "parameters": {"sigma": [0.5, 1.0]}}))["sgd"]
    np.testing.assert_array_equal(every.loss.isel(seed=slice(0, 2)), few.loss.sel(sigma=0.5))


def test_a_branch_goes_on_where_it_was(tmp_path):
    whole = run(study(HELD, record={"state": [2]}), tmp_path / "whole.zarr")["sgd"].sel(step=slice(2, None))
    branch = run(branched(tmp_path / "whole.zarr", 2), tmp_path / "branch.zarr")["sgd"]
    for name in ("loss", "params", "distance"):
        np.testing.assert_array_equal(branch[name], whole[name])


def test_a_swarm_sees_one_batch_a_step():
    made = simulated(STREAM, optimizers=[{"kind": "cbo", "particles": 4}])
    w = made.start()
    made.look(w, 2)
    x, y = by_hand(made, 2)
    miss = np.einsum("sbd,pskd->pskb", x, w) - y[None, :, None]
    np.testing.assert_allclose(made.seen[..., 0], (miss**2).mean(-1) / 2, rtol=1e-12)
    for land in (STREAM, HELD):
        found = run(study(land, optimizers=[{"kind": "cbo", "particles": 40, "alpha": 50.0, "lr": 0.1}], steps=100))["cbo"]
        assert (found.distance.isel(step=-1) < 0.3).all()


def test_diagnostics_are_those_of_what_is_recorded():
    variables = ["loss", "params", "hessian_top", "gradient_norm", "distance", "lyapunov"]
    made = run(study(STREAM, record={"variables": variables}))["sgd"]
    np.testing.assert_allclose(made.hessian_top, 1.0, rtol=1e-10)
    np.testing.assert_allclose(made.gradient_norm, np.sqrt(made.distance), rtol=1e-12)
    assert np.isfinite(made.lyapunov.values[:, 1:]).all()
    assert (run(study(HELD, record={"variables": variables}))["sgd"].hessian_top > 0.5).all()


def test_every_law_and_step_go_together_on_other_arrays():
    land = {
        "kind": "expression",
        "sizes": {"d": 4},
        "variables": {"W": ["d", "d"]},
        "samples": {
            "k": "permutation(batch, d)",
            "Q": "orthogonal(batch, d)",
            "u": "uniform(batch, d)",
            "s": "sign(batch)",
            "c": "sphere(batch, d)",
        },
        "value": "mean((einsum('bij,bj->bi', Q, c @ W) - u)**2) + mean(s*sum(sum(W[k], axis=1)*c, axis=1))/sqrt(t) + sum(W**2)/batch",
    }
    plain, strict = simulated(land), simulated(land, array_api_strict)
    w = plain.start()
    for t in (0, 3):
        expected, found = plain.look(w, t), strict.look(array_api_strict.asarray(w), t)
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(np.asarray(b), a, rtol=1e-10, atol=1e-12)
    assert np.isfinite(run(study(land))["sgd"].loss).all()


def test_data_can_be_made_new_at_every_step():
    """All rows of the data with noise on them, and a mask that is new each time."""
    land = {
        "kind": "expression",
        "data": {"builtin": "blobs"},
        "variables": {"w": ["p"]},
        "samples": {"mask": "uniform(batch, p)"},
        "value": "mean((X @ (w * mean(mask > 0.5, axis=0)) - y)**2)",
        "population": "mean((X @ w/2 - y)**2)",
    }
    assert np.isfinite(run(study(land))["sgd"].loss).all()


def test_it_goes_through_text_and_back():
    spec = check(study(STREAM)).study
    assert thalweg.load_study(spec.model_dump(mode="json")) == spec
    assert "normal(batch, d)" in spec.to_yaml()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"samples": {"x": "normal(d, batch)"}},
            "landscape.samples.x: the first size must be `batch`, the size of the noise's batches: normal(batch, d, batch)",
        ),
        ({"samples": {"w": "normal(batch)"}}, "landscape.samples.w: the name 'w' is used twice, here and in `variables`"),
        ({"sizes": {"d": 3, "batch": 2}}, "landscape.sizes.batch: the name 'batch' is used twice, here and in `samples`"),
        ({"population": "mean(x)"}, "landscape.population: is the expected value over samples, and cannot depend on x; use x in `value`"),
        ({"population": "sum(v)"}, "landscape.population: the name 'v' is not defined"),
        ({"value": "sum(w**2)"}, "landscape.samples: the formula `value` depends on none of them"),
        ({"value": "mean(x @ v)"}, "landscape.value: the name 'v' is not defined"),
        ({"value": "x @ w"}, "landscape.value: must be one number, but is (batch=1024,); take its sum or mean"),
        (
            {"population": None, "held": 10**8},
            "landscape.held: 100,000,000 samples of 4 numbers are 400,000,000 numbers, and at most 16,777,216 are held per seed",
        ),
        ({"held": 0}, "landscape.held"),
        ({"value": "mean((x @ w - y)**2)*sum(reshape(x, [24])[0])"}, "has 3,072 entries"),
        (
            {"samples": {}, "define": {}, "value": "sum(w**2)"},
            "landscape.population: belongs to `samples`, which is not given",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(change, words):
    with pytest.raises(SpecError) as error:
        check(study({**STREAM, **change}))
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_noises_of_another_kind_and_batches_that_do_not_fit_are_told():
    with pytest.raises(SpecError, match="and expression is not: its samples are new at every step; use online noise"):
        check(study(STREAM, noise="minibatch"))
    with pytest.raises(SpecError, match="online needs a landscape with a distribution of samples, and expression has none"):
        check(study({"kind": "expression", "variables": {"w": [2]}, "value": "sum(w**2)"}))
    pairs = {**STREAM, "value": "mean((x[0:16] @ w - y[0:16])**2)"}
    with pytest.raises(SpecError, match=r"landscape.value: .*\(in a batch of 8\)"):
        check(study({**pairs, "value": "mean(reshape(x @ w - y, [batch/16, 16])**2)"}))
    check(study({**pairs, "held": 16}, noise={"kind": "online", "size": 16}))
