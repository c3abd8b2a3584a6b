"""The numbers behind pictures, pages and the accessor: curves, fractions, trajectories, the ground under them. Closed forms, small arrays."""

import numpy as np
import pytest
import thalweg
import xarray
from thalweg.engine.results import blocks
from thalweg.engine.results.best import each_problem, positions, report_of
from thalweg.engine.results.curves import LEVELS, curves, of_values, over_seeds
from thalweg.engine.results.groups import converged, diverged, final_loss
from thalweg.engine.results.landscape_grid import framed, ground
from thalweg.engine.results.quantiles import between_levels, quantile
from thalweg.engine.results.trajectories import corners, extent, iterates, joined
from thalweg.specs.registry import LANDSCAPES

NAN, INF = np.nan, np.inf


def group(**variables):
    """A group of two points and three seeds; the last run of the second point diverged, the first is not finished."""
    status = (("lr", "seed"), np.array([[1, 1, 1], [0, 3, 2]], dtype=np.int8))
    swept = ("lr", [0.1, 0.2], {"owner": "optimizer", "field": "lr"})
    return xarray.Dataset({"status": status, **variables}, coords={"lr": swept, "seed": [0, 1, 2], "step": [0, 5]})


def test_quantiles_are_numpys_with_infinity_a_number_and_nan_left_out():
    values = np.random.default_rng(0).normal(size=(6, 9))
    np.testing.assert_allclose(quantile(values, LEVELS), np.quantile(values, LEVELS, axis=-1))
    values[:, :3] = NAN
    np.testing.assert_allclose(quantile(values, LEVELS), np.nanquantile(values, LEVELS, axis=-1))
    assert np.isnan(quantile(np.full((1, 3), NAN), LEVELS)).all()
    assert quantile(np.array([1.0, 3.0, NAN]), 0.5) == 2
    assert quantile(np.array([INF, INF, 0.0]), LEVELS).tolist() == [INF, INF, INF]


def test_levels_between_stored_ones_are_linear_and_stored_ones_exact():
    stored = np.array([[0.0, 10.0, 30.0], [1.0, INF, INF]])
    made = between_levels(stored, np.array([0.1, 0.5, 0.9]), (0.3, 0.5, 0.7))
    assert made[:, 0].tolist() == pytest.approx([5.0, 10.0, 20.0])
    assert made[1].tolist() == [10.0, INF]


@pytest.mark.parametrize("rows", [1, 4, 10**6])
def test_a_loss_is_infinite_once_its_run_diverged_and_other_numbers_are_left_out(monkeypatch, rows):
    monkeypatch.setattr(blocks.boxes, "__defaults__", (rows,))
    monkeypatch.setattr("thalweg.engine.results.curves.BLOCK_VALUES", rows)
    values = np.array([[[9.0, 1.0], [9.0, 2.0], [9.0, NAN]], [[8.0, 4.0], [8.0, 6.0], [8.0, NAN]]])  # (lr, seed, step)
    data = group(loss=(("lr", "seed", "step"), values), hill=(("step", "lr", "seed"), np.moveaxis(values, -1, 0)))
    found = curves(data, "loss")
    assert found is not None
    assert found.what == "runs"
    assert found.middle.tolist() == [[9, 1.5], [8, 6]]  # NaN of a run that did not diverge is left out
    assert found.low is not None
    assert found.high is not None
    assert found.low.tolist() == [[9, 1.25], [8, 5]]
    assert found.high.tolist() == [[9, 1.75], [8, INF]]
    (middle,) = over_seeds(data, data["hill"], "hill", (0.5,))
    assert middle.tolist() == [[9, 8], [1.5, 5]]  # (step, lr), as it is stored
    alone = curves(data.isel(seed=[1]), "loss")
    assert alone is not None
    assert (alone.low, alone.high, alone.middle.tolist()) == (None, None, [[9, 2], [8, 6]])
    assert curves(data, "river") is None


def test_one_component_along_the_steps():
    params = np.arange(24.0).reshape(2, 3, 2, 2)
    data = group(params=(("lr", "seed", "step", "dim"), params))
    found = curves(data, "params", (1,))
    assert found is not None
    np.testing.assert_array_equal(found.middle, np.median(params[..., 1], axis=1))
    assert curves(data, "params", (2,)) is None
    assert curves(data, "params") is None


def test_stored_statistics_in_place_of_runs():
    dims = ("lr", "step")
    quantiles = np.array([1.0, 2.0, 6.0]) + np.zeros((2, 2, 1))
    data = group(
        loss_quantile=((*dims, "quantile"), quantiles),
        loss_mean=(dims, np.full((2, 2), 3.0)),
        loss_var=(dims, np.full((2, 2), 4.0)),
        hill_mean=(dims, np.full((2, 2), 7.0)),
    ).assign_coords(quantile=[0.0, 0.5, 1.0])
    found = curves(data, "loss")
    assert found is not None
    assert [part[0, 0] for part in found.parts] == [2.0, 1.5, 4.0]
    assert found.what == "quantiles"
    narrow = curves(data.assign_coords(quantile=[0.4, 0.5, 0.6]), "loss")
    assert narrow is not None
    assert [part[0, 0] for part in narrow.parts] == [2.0]  # a band from 25 to 75 % is not stored
    spread = curves(data.drop_vars("loss_quantile"), "loss")
    assert spread is not None
    assert [part[0, 0] for part in spread.parts] == [3.0, 1.0, 5.0]
    assert spread.what == "mean and standard deviation"
    mean = curves(data, "hill")
    assert mean is not None
    assert (len(mean.parts), mean.middle[0, 0], mean.what) == (1, 7.0, "mean")


def test_fractions_leave_out_what_is_not_finished():
    data = group(loss=(("lr", "seed", "step"), np.array([[[9.0, 1.0]] * 3, [[9.0, 5.0]] * 3])))
    np.testing.assert_array_equal(diverged(data), [[0, 0, 0], [NAN, 0, 1]])
    np.testing.assert_array_equal(converged(data, 2.0), [[1, 1, 1], [NAN, 0, 0]])
    assert of_values(diverged(data), fraction=True).middle.tolist() == [0, 0.5]
    assert np.isnan(of_values(np.full((1, 2), NAN), fraction=True).middle).all()


def test_every_problem_has_a_best_point_of_its_own():
    rng = np.random.default_rng(1)
    loss = rng.normal(size=(3, 2, 4, 1))  # (lr, b, seed, step)
    swept = {
        "lr": ("lr", [1.0, 2.0, 3.0], {"owner": "optimizer", "field": "lr"}),
        "b": ("b", [5.0, 6.0], {"owner": "landscape", "field": "b"}),
    }
    data = xarray.Dataset(
        {"status": (("lr", "b", "seed"), np.ones((3, 2, 4), dtype=np.int8)), "loss": (("lr", "b", "seed", "step"), loss)},
        coords={**swept, "seed": range(4), "step": [9]},
    )
    found = list(each_problem(data))
    wanted = np.median(loss[:, :, ::2, 0], axis=-1).argmin(0)
    assert [(place["b"], best.index["lr"]) for place, best in found] == list(enumerate(wanted))
    assert [best.median for _, best in found] == pytest.approx([np.median(loss[wanted[k], k, 1::2, 0]) for k in (0, 1)])
    chosen = data.isel(positions(data, found))
    np.testing.assert_array_equal(chosen["lr"], data["lr"].values[wanted])
    assert report_of(data)[0].tolist() == [False, True, False, True]
    assert report_of(data.isel(lr=0))[1] == "nothing to choose"
    nothing = next(each_problem(data.isel(lr=0, b=0).drop_vars("loss")))[1]  # which needs no loss
    assert (nothing.values, bool(np.isnan(nothing.median)), nothing.known) == ({"lr": 1.0}, True, True)
    assert final_loss(data).shape == (3, 2, 4)


def test_trajectories_of_blocks_and_their_corners():
    weights = np.arange(48.0).reshape(2, 3, 2, 2, 2)  # (lr, seed, step, row, column)
    bias = -np.arange(24.0).reshape(2, 3, 2, 2)
    data = group(
        params_w=(("lr", "seed", "step", "row", "column"), weights), params_b=(("seed", "lr", "step", "unit"), bias.swapaxes(0, 1))
    )
    shapes = {"w": (2, 2), "b": (2,)}
    parts, what = iterates(data, shapes, 2)
    assert parts is not None
    assert what == "seeds"
    made = joined(parts, shapes)
    assert made.shape == (2, 2, 2, 6)
    np.testing.assert_array_equal(made[1, 1, 0], [*weights[1, 1, 0].ravel(), *bias[1, 1, 0]])
    assert joined(parts, {"w": (1, 2), "b": (1,)})[1, 1, 0].tolist() == [*weights[1, 1, 0, 0], bias[1, 1, 0, 0]]  # of a smaller landscape
    low, high = extent(data, shapes)
    np.testing.assert_array_equal(high[:4], weights[1, 1, 1].ravel())  # the last run diverged and does not count
    np.testing.assert_array_equal(low[4:], bias[1, 1, 1])
    assert iterates(data, {"v": (2,)}, 2) == (None, "")
    low, high = corners(np.full((2, 2), NAN))
    assert (low.tolist(), high.tolist()) == ([INF, INF], [-INF, -INF])


def test_the_middle_of_stored_statistics_stands_for_one_seed():
    quantiles = np.array([1.0, 2.0, 6.0]) + np.zeros((2, 2, 2, 1))
    data = group(params_quantile=(("lr", "step", "dim", "quantile"), quantiles)).assign_coords(quantile=[0.0, 0.5, 1.0])
    parts, what = iterates(data, {"x": (2,)}, 5)
    assert parts is not None
    assert parts[0].shape == (2, 1, 2, 2)
    assert (parts[0] == 2.0).all()
    assert "median" in what


def test_the_ground_of_rosenbrocks_valley():
    land = LANDSCAPES.load("rosenbrock")(b=100.0)
    one = ground(land, np.array([-1.0, 0.0]), np.array([1.0, 2.0]), 5)
    x, y = np.meshgrid(one.x, one.y)
    np.testing.assert_allclose(one.height, (1 - x) ** 2 + 100 * (y - x**2) ** 2)
    assert one.x.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert (one.bottom, [tuple(m.at) for m in one.minima]) == (0.0, [(1.0, 1.0)])
    low, high = framed(np.array([0.0, 0.0]), np.array([1.0, 0.1]), [])
    np.testing.assert_allclose([low, high], [[-0.1, -0.1], [1.1, 0.2]])  # no narrower than a quarter of the length


def test_views_share_one_median(tmp_path):
    """The accessor's bands, at the seeds that report, are what the page holds and the picture draws."""
    from thalweg.engine.report.page_data import payload

    study = {"name": "s", "landscape": "river_valley", "noise": {"kind": "gaussian", "scale": 0.5}, "seeds": 6, "steps": 30}
    tree = thalweg.run({**study, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05, 3.0]}], "record": {"every": 5}}, tmp_path / "s.zarr")
    data = tree["sgd"].to_dataset()
    bands = data.isel(seed=[1, 3, 5]).thalweg.bands("loss").transpose("lr", "step", "quantile").values
    for own, held in zip(bands, payload(tree)["groups"][0]["curves"]["loss"], strict=True):
        for column, part in zip((1, 0, 2), held, strict=True):
            np.testing.assert_allclose(
                [NAN if v is None else v for v in part], np.where(np.isfinite(own[:, column]), own[:, column], NAN), rtol=1e-3
            )
