"""Profiles: the curves are those of the tables, and the costs those of the runs."""

import matplotlib as mpl
import numpy as np
import pytest
import thalweg
import xarray
from helpers.picture_studies import VALLEYS
from thalweg.engine.comparison import compare, final_loss
from thalweg.engine.comparison.profiles import ratios_of, rises
from thalweg.engine.plot import profile
from thalweg.engine.plot._across import Across
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES


@pytest.fixture(scope="module")
def valleys():
    return thalweg.run(VALLEYS)


def across(tree, **options):
    return Across([tree], THEMES["light"], Options(**options))


def pictured(tree):
    return Picture(tree, THEMES["light"], Options())


def drawn(tree, **options):
    """The panels."""
    with mpl.rc_context(THEMES["light"].settings()):
        return profile.draw(across(tree, **options)).axes


def lines(axes, colour):
    return [line for line in axes.get_lines() if line.get_color() == colour and len(line.get_xdata()) > 1]


def test_profiles(valleys):
    ratios, shares = rises(ratios_of(np.array([[1.0, 2.0], [3.0, 1.0], [np.inf, 5.0], [np.inf, np.inf]])), 1.0)
    assert list(ratios) == [1, 2, 3]
    assert shares.T.tolist() == [[0.25, 0.25, 0.5], [0.5, 0.75, 0.75]]
    left, right = drawn(valleys)
    _, costs, _ = profile.instances(across(valleys))
    assert costs.shape == (4, 2)  # the odd seeds of two problems
    for k, colour in enumerate(THEMES["light"].colours[:2]):
        assert lines(left, colour)[0].get_ydata()[-1] == np.isfinite(costs[:, k]).mean()
        done = lines(right, colour)[0]
        assert np.interp(30, done.get_xdata()[:-1], done.get_ydata()[:-1]) <= (costs[:, k] <= 60).mean()
    (axes,) = drawn(valleys, value="final_loss")
    assert "final loss" in axes.get_xlabel()
    _, costs, _ = profile.instances(across(valleys, value="final_loss"))
    best = [problem.bests()["adam"].index for problem in pictured(valleys).problems()]
    adam = valleys["adam"].to_dataset()
    np.testing.assert_array_equal(costs[:, 1], np.concatenate([final_loss(adam.isel(b=k, **at))[1::2] for k, at in enumerate(best)]))


def step_at(line, x):
    """The value of a step curve at a place."""
    return line.get_ydata()[np.searchsorted(line.get_xdata()[:-1], x, side="right") - 1]


@pytest.mark.parametrize("at", [{}, {"b": 100.0}])
def test_a_profile_shows_what_the_table_says(valleys, at):
    held = xarray.DataTree.from_dict({name: node.to_dataset().sel(at) for name, node in valleys.children.items()})
    held.attrs = valleys.attrs
    table, data = compare(held, view="performance"), compare(held, view="data")
    left, right = drawn(valleys, at=at or None)
    for name, colour in zip(("sgd", "adam"), THEMES["light"].colours, strict=False):
        (one,) = lines(left, colour)
        for ratio in (1.0, 1.5, 2.0, 4.0, np.inf):
            assert step_at(one, ratio) == table.solved.sel(optimizer=name, accuracy=1e-3, ratio=ratio)
        (one,) = lines(right, colour)
        for budget in data.budget.values:
            assert step_at(one, budget) == data.solved.sel(optimizer=name, accuracy=1e-3, budget=budget)


def test_a_profile_to_a_loss_counts_every_reported_instance(valleys):
    _, costs, about = profile.instances(across(valleys, target=0.5, groups=("adam",)))
    wanted = []
    for problem in pictured(valleys).problems():
        best = problem.bests()["adam"]
        first = problem.groups["adam"].thalweg.reach(0.5).isel(best.index).values
        wanted += first[1::2].tolist()
    assert costs.ravel().tolist() == wanted
    assert about["instances"] == len(wanted) == 4
