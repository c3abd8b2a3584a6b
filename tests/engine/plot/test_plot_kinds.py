"""What is in the pictures: the data drawn, the words on the axes, the panels; colours; films; and what is refused."""

from itertools import product
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import thalweg
from helpers.picture_studies import STILL, VALLEYS
from helpers.repetitions import few
from thalweg.engine.comparison import final_loss
from thalweg.engine.plot import PICTURES, kinds, landscape, phase, prepared, spectrum, sweep
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES
from thalweg.engine.plot._theory_line import stretched
from thalweg.specs.errors import SpecError
from thalweg.specs.registry import LANDSCAPES

EDGE = {
    "name": "edge",
    "landscape": {"kind": "quadratic", "dim": 2, "condition": 1.0},
    "init": {"kind": "point", "at": 1.0},
    "optimizers": [{"kind": "sgd", "lr": {"linspace": [0.25, 4.25, 9]}, "weight_decay": {"linspace": [0.0, 1.5, 4]}}],
    "steps": 800,
    "record": {"last": True},
    "stop": {"diverge_above": 1e6},
}
MATRIX = {
    "name": "matrix",
    "landscape": {"kind": "matrix_quadratic", "left": 10.0, "right": 10.0},
    "optimizers": [{"kind": "sgd", "lr": [0.5, 1.0]}, {"kind": "muon", "lr": 0.03}],
    "seeds": 3,
    "steps": 20,
    "record": {"every": 2, "variables": ["loss", "singular_values", "update_singular_values", "gradient_norm"]},
}


@pytest.fixture(scope="module")
def trees():
    return SimpleNamespace(**{study["name"]: thalweg.run(study) for study in (VALLEYS, EDGE, MATRIX, STILL)})


def pictured(tree, theme="light", **options):
    return Picture(tree, THEMES[theme], Options(**options))


def drawn(tree, kind, theme="light", **options):
    """The visible panels of a picture."""
    with mpl.rc_context(THEMES[theme].settings()):
        chosen = PICTURES.load(kind)
        figure = chosen.draw(prepared(chosen, [tree], THEMES[theme], Options(**options)))
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def lines(axes, colour):
    return [line for line in axes.get_lines() if line.get_color() == colour and len(line.get_xdata()) > 1]


def test_the_folder_is_the_registry():
    assert set(kinds()) == {
        "animate",
        "barrier",
        "density",
        "features",
        "fork",
        "landscape",
        "loss",
        "overview",
        "phase",
        "plane",
        "problems",
        "profile",
        "ranks",
        "spectrum",
        "stages",
        "surface",
        "sweep",
    }
    for kind, said in kinds().items():
        assert "broken" not in said
        assert set(PICTURES.load(kind).OPTIONS) <= {*Options.__dataclass_fields__}


def luminance(colour):
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_colours_are_seen_and_told_apart_by_colour_blind_readers(theme):
    weights = np.array([0.2126, 0.7152, 0.0722])
    paper = weights @ luminance(theme.paper)
    for colour in (*theme.colours, theme.ink, theme.soft):
        levels = sorted((weights @ luminance(colour), paper))
        assert (levels[1] + 0.05) / (levels[0] + 0.05) >= 3, colour
    blind = {  # Machado, Oliveira and Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    }
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

    def lab(rgb):
        f = np.cbrt(to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089]))
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    for matrix in blind.values():
        seen = [lab(np.array(matrix) @ luminance(colour)) for colour in theme.colours]
        for i, a in enumerate(seen):
            for b in seen[:i]:
                assert np.linalg.norm(a - b) > 10  # a just noticeable difference is 2.3


def test_a_panel_a_landscape_each_at_its_own_best(trees):
    panels = drawn(trees.valleys, "landscape", seeds=2)
    assert [axes.get_title(loc="left") for axes in panels] == ["rosenbrock, b=1", "rosenbrock, b=100"]
    dataset, picture = trees.valleys["sgd"].to_dataset(), pictured(trees.valleys)
    for k, axes in enumerate(panels):
        median = np.median(final_loss(dataset.isel(b=k))[..., ::2], axis=-1)  # the even seeds choose
        best = int(np.argmin(median))
        wanted = dataset.params.isel(b=k, lr=best, seed=0).values
        path = lines(axes, picture.colour("sgd"))[0]
        np.testing.assert_allclose(np.stack([path.get_xdata(), path.get_ydata()], -1), wanted)
        assert len(lines(axes, picture.colour("sgd"))) == 2
        assert any(line.get_marker() == "*" and list(line.get_xdata()) == [1.0] for line in axes.get_lines())


def test_the_river_is_drawn_where_the_hills_are_zero():
    tree = thalweg.run({"name": "r", "landscape": "river_valley", "optimizers": ["sgd"], "steps": 5})
    (axes,) = drawn(tree, "landscape")
    (river,) = [line for line in axes.get_lines() if line.get_label() == "_river"]
    np.testing.assert_allclose(river.get_ydata(), np.sin(river.get_xdata()))
    for kind in ("river_valley", "river_valley_sharpening", "river_valley_edge", "river_valley_nd"):
        land = LANDSCAPES.load(kind)()
        values = {path[-1]: float(v) for path, v, structural in land.fields() if not structural}
        points = land.river(np.linspace(0.1, 3, 7), values)
        assert points.shape == (7, land.size)
        np.testing.assert_allclose(land.observe(points, {k: np.array(v) for k, v in values.items()}, np)["hill"], 0, atol=1e-12)
    assert LANDSCAPES.load("rosenbrock")().river(np.zeros(3), {}) is None


def test_loss_draws_medians_and_single_runs(trees):
    axes, *_ = drawn(trees.valleys, "loss", "dark", seeds=3, at={"b": 1.0}, groups=("sgd",))
    own = lines(axes, THEMES["dark"].colours[0])
    assert len(own) == 4
    dataset = trees.valleys["sgd"].to_dataset().sel(b=1.0)
    best = dataset.isel(lr=int(np.argmin(np.median(final_loss(dataset)[..., ::2], -1)))).loss
    np.testing.assert_allclose(own[0].get_ydata(), best.isel(seed=[1, 3]).median("seed"))  # the odd seeds report
    for k, single in enumerate(own[1:]):
        np.testing.assert_allclose(single.get_ydata(), best.isel(seed=k))
    assert "median and 25-75 % of 2 seeds" in axes.get_ylabel()
    assert axes.get_xlabel() == "step (optimizer updates)"
    axes, *_ = drawn(trees.matrix, "loss", value="log10(gradient_norm)")
    assert "log10(gradient_norm)" in axes.get_ylabel()


def test_sweep_along_a_hyperparameter_and_along_the_problem(trees):
    panels = drawn(trees.valleys, "sweep")
    assert [axes.get_xlabel() for axes in panels] == ["learning rate (lr)"] * 2
    dataset = trees.valleys["sgd"].to_dataset()
    for k, axes in enumerate(panels):
        median = np.median(final_loss(dataset.isel(b=k))[..., 1::2], -1)
        shown = lines(axes, THEMES["light"].colours[0])[0].get_ydata()
        np.testing.assert_allclose(shown, np.where(np.isfinite(median), median, np.nan))
    (axes,) = drawn(trees.valleys, "sweep", x="b")
    adam = final_loss(trees.valleys["adam"].to_dataset().transpose("b", ...)).reshape(2, -1, 4)
    best = np.median(adam[..., ::2], -1).argmin(-1)
    wanted = np.median(adam[[0, 1], best][..., 1::2], -1)
    np.testing.assert_allclose(lines(axes, THEMES["light"].colours[1])[0].get_ydata(), wanted)
    (axes,) = drawn(trees.edge, "sweep", x="lr/2", value="diverged", at={"weight_decay": 0.5})
    assert list(lines(axes, THEMES["light"].colours[0])[0].get_xdata()) == [lr / 2 for lr in np.linspace(0.25, 4.25, 9)]
    lost = trees.valleys["sgd"].to_dataset().status.isel(b=1) == 2
    (axes,) = drawn(trees.valleys, "sweep", value="diverged", at={"b": 100.0}, groups=("sgd",))
    np.testing.assert_allclose(lines(axes, THEMES["light"].colours[0])[0].get_ydata(), lost.mean("seed"))  # a fraction; nothing is chosen
    assert "of 4 seeds" in axes.get_ylabel()


def test_phase_shows_the_fraction_and_the_theory_line(trees):
    (axes,) = drawn(trees.edge, "phase", value="diverged", line="lr*(1 + weight_decay) > 2")
    (cells,) = [c for c in axes.collections if type(c).__name__ == "QuadMesh"]
    status = trees.edge["sgd"].to_dataset().status.isel(seed=0).transpose("weight_decay", "lr")
    np.testing.assert_array_equal(np.ma.getdata(cells.get_array()).reshape(status.shape), status == 2)
    lr, decay = np.meshgrid(status.lr, status.weight_decay)
    np.testing.assert_array_equal(status == 2, lr * (1 + decay) > 2)  # theory holds in this study
    (contour,) = [c for c in axes.collections if type(c).__name__ == "QuadContourSet"]
    points = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(points[:, 0] * (1 + points[:, 1]), 2, rtol=1e-3)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate (lr)", "weight decay (weight_decay)")


def test_phase_marks_the_best_cell_of_every_problem(trees):
    picture = pictured(trees.valleys, groups=("adam",))
    (one,) = phase.maps(picture, "b", "lr")
    final = final_loss(trees.valleys["adam"].to_dataset().transpose("b", "lr", "beta1", "seed", ...))
    dims = [dim for dim in trees.valleys["adam"].status.dims if dim != "seed"]
    final = np.moveaxis(final, [dims.index(dim) for dim in ("b", "lr", "beta1")], [0, 1, 2])
    assert one.values.shape == (3, 2)
    rows, columns = one.best
    assert list(columns) == [0, 1]
    for k in (0, 1):
        choosing = np.median(final[k][..., ::2], -1)  # the even seeds choose, and the odd ones report
        lr, beta1 = np.unravel_index(np.argmin(choosing), choosing.shape)
        assert rows[k] == lr
        assert one.values[rows[k], k] == np.median(final[k, lr, beta1, 1::2])
    panels = drawn(trees.valleys, "phase", groups=("adam",), x="lr", y="beta1")
    assert len(panels) == 2  # one a landscape
    assert all("best: " in axes.get_title(loc="left") for axes in panels)


def test_in_a_map_over_two_fields_of_the_problem_every_cell_is_at_its_own_best():
    rates = {"kind": "adam", "lr": {"logspace": [1e-3, 1.0, 8]}}
    tree = thalweg.run(
        {**VALLEYS, "landscape": {"kind": "rosenbrock", "a": [1.0, 2.0], "b": [1.0, 100.0]}, "optimizers": [rates]}, executor="array"
    )
    (one,) = phase.maps(pictured(tree), "a", "b")
    final = tree["adam"].to_dataset().loss.isel(step=-1).transpose("b", "a", "lr", "seed").values
    best = np.median(final[..., ::2], -1).argmin(-1)
    assert len({*best.ravel()}) > 1
    np.testing.assert_array_equal(one.values, [[np.median(final[i, j, best[i, j], 1::2]) for j in (0, 1)] for i in (0, 1)])
    assert one.title == "best lr for each"


def test_the_fine_grid_of_a_line_reaches_half_a_cell_beyond():
    fine = stretched(np.array([1.0, 10.0, 100.0]))
    np.testing.assert_allclose(fine[[0, -1]], [10**-0.5, 10**2.5])
    assert stretched(np.array([0.0, 0.5, 1.0]))[0] == 0


def test_curves_of_stored_statistics_are_of_all_seeds_and_say_so(trees):
    tree = thalweg.run({**VALLEYS, "record": {"every": 5, "stats": ["mean", "quantiles"]}})
    figure = PICTURES.load("loss").draw(pictured(tree, groups=("sgd",), at={"b": 1.0}))
    (axes,) = figure.axes
    best = int(np.argmin(np.median(final_loss(tree["sgd"].to_dataset().sel(b=1.0))[..., ::2], -1)))
    stored = tree["sgd"].to_dataset().sel(b=1.0).isel(lr=best).loss_quantile.sel(quantile=0.5)
    np.testing.assert_allclose(lines(axes, THEMES["light"].colours[0])[0].get_ydata(), stored)
    assert "of 4 seeds" in axes.get_ylabel()
    assert "curves are of all seeds, whose statistics are stored" in figure.legends[0].get_title().get_text()
    with pytest.raises(SpecError, match="no single runs"):
        PICTURES.load("loss").draw(pictured(tree, seeds=2))
    mean = thalweg.run({**VALLEYS, "record": {"every": 5, "stats": ["mean"]}})
    axes, *_ = drawn(mean, "loss")
    assert "mean of 4 seeds" in axes.get_ylabel()


def test_spectra_and_the_hessian(trees):
    panels = drawn(trees.matrix, "spectrum")
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == [
        "sgd: singular values",
        "muon: singular values",
        "sgd: update singular values",
        "muon: update singular values",
        "norm of the gradient",
    ]
    stored = trees.matrix["muon"].to_dataset().singular_values
    assert len(panels[1].get_lines()) == stored.sizes["singular"]
    np.testing.assert_allclose(panels[1].get_lines()[0].get_ydata(), stored.isel(singular=0).median("seed"))
    land = LANDSCAPES.load("rosenbrock")(b=100.0)
    (found,) = spectrum.hessian_spectrum(land, np.array([[1.0, 1.0]]))
    np.testing.assert_allclose(found, np.linalg.eigvalsh([[802.0, -400.0], [-400.0, 200.0]])[::-1])
    (axes,) = drawn(trees.still, "spectrum")
    assert axes.get_title(loc="left").startswith("Hessian at the end points")
    assert [list(line.get_xdata()) for line in axes.get_lines()] == [[1, 2]] * 2


@pytest.mark.parametrize("kind", ["landscape", "phase"])
def test_another_colour_map(trees, kind, tmp_path):
    plain_, other = (
        thalweg.plot(trees.valleys, kind, tmp_path / f"{cmap}.png", groups=["adam"], cmap=cmap).read_bytes() for cmap in (None, "magma")
    )
    assert plain_ != other
    with pytest.raises(SpecError, match="no colour map 'magna'; did you mean 'magma'"):
        thalweg.plot(trees.valleys, kind, tmp_path / "x.png", groups=["adam"], cmap="magna")


EVERY = ["overview", "landscape", "loss", "sweep", "phase", "profile", "spectrum"]


@pytest.mark.parametrize(("kind", "theme"), few(product(EVERY, THEMES), keep=[("loss", "dark"), ("sweep", "light"), ("spectrum", "dark")]))
def test_every_kind_in_every_theme(trees, kind, theme, tmp_path):
    before = dict(mpl.rcParams)
    made = thalweg.plot(trees.valleys, kind, tmp_path / "x.svg", theme=theme).read_text()
    assert THEMES[theme].paper in made
    assert "valleys" in made
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("loss", {"theme": "drak"}, "no theme 'drak'; did you mean 'dark'"),
        ("loss", {"x": "lr"}, r"loss takes no x \(it takes: value"),
        ("loss", {"seeds": 0}, "at least 1"),
        ("loss", {"fps": 5}, r"loss takes no fps"),
        ("loss", {"groups": ["adm"]}, "no group 'adm'; did you mean 'adam'"),
        ("loss", {"at": {"bb": 1.0}}, r"at bb: is not swept; did you mean 'b'\? \(swept"),
        ("loss", {"at": {"b": 3.0}}, r"at b=3: is not one of the values swept \(1, 100\)"),
        ("loss", {"value": "final(loss)"}, "no steps to draw"),
        ("loss", {"value": "params"}, r"has the dimension dim; write component"),
        ("loss", {"value": "lss"}, "nothing called 'lss'.*did you mean 'loss'"),
        ("loss", {"value": "open('x')"}, "no function 'open'"),
        ("loss", {"value": "diverged"}, "has no steps"),
        ("sweep", {"x": "lrr"}, r"'lrr' is not a swept field; did you mean 'lr'"),
        ("sweep", {"x": "steps"}, "one value in every group"),
        ("sweep", {"x": "lr*b"}, "an axis is one swept field"),
        ("sweep", {"value": "converged"}, "--target LOSS"),
        ("phase", {"x": "lr", "y": "2*lr"}, "vary together"),
        ("phase", {"line": "lr*"}, "not an expression"),
        ("phase", {"line": "lr*loss"}, "a line is made of the study's fields"),
        ("phase", {"line": "1 < lr < 2"}, "one comparison"),
        ("profile", {"value": "params"}, "of steps"),
        ("profile", {"value": "final_loss", "target": 1.0}, "no target"),
        ("spectrum", {"value": "hessian_to"}, "'hessian_to' is not stored"),
    ],
)
def test_wrong_options_are_one_clear_line(trees, kind, options, words, tmp_path):
    with pytest.raises(SpecError, match=words) as caught:
        thalweg.plot(trees.valleys, kind, tmp_path / "x.png", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x.png").exists()


def test_what_a_store_lacks_is_said(trees, tmp_path):
    for tree, kind, options, words in (
        (trees.matrix, "landscape", {}, "no params of single runs"),
        (trees.matrix, "phase", {}, "needs two swept numeric fields"),
        (trees.matrix, "spectrum", {"value": "hessian"}, "is not a formula"),
        (trees.edge, "profile", {}, "only the last step is stored"),
    ):
        with pytest.raises(SpecError, match=words):
            thalweg.plot(tree, kind, tmp_path / "x.png", **options)
    assert sweep.usual(pictured(trees.valleys)) == "lr"
    assert landscape.drawable(pictured(trees.valleys))


def test_a_problem_named_by_text_is_drawn(tmp_path):
    """A swept choice of the landscape has text for values."""
    land = {"kind": "outlier_network", "activation": ["tanh", "linear"]}
    tree = thalweg.run({"name": "t", "landscape": land, "optimizers": ["sgd"], "steps": 4, "seeds": 2})
    assert thalweg.plot(tree, "loss", tmp_path / "loss.png").exists()
    assert {problem.text for problem in pictured(tree).problems()} == {"activation=tanh", "activation=linear"}
