"""Pictures: every kind in every format for studies of several shapes, and what is refused."""

import sys
from itertools import product
from typing import Any

import numpy as np
import pytest
import thalweg
import zarr
from helpers.repetitions import few
from thalweg.engine.plot import FORMATS, plot
from thalweg.specs.errors import SpecError, StoreError

NOISE = {"kind": "gaussian", "scale": 0.5}
SGD = {"kind": "sgd", "lr": {"logspace": [1e-3, 1.0, 4]}}
ADAM = {"kind": "adam", "lr": {"logspace": [1e-3, 1e-1, 3]}, "beta1": [0.5, 0.9]}
SMALL = {"noise": NOISE, "seeds": 4, "steps": 50, "record": {"every": 5}}
STUDIES = {
    "river": {**SMALL, "landscape": "river_valley", "optimizers": [ADAM, SGD]},
    "swept_landscape": {**SMALL, "landscape": {"kind": "rosenbrock", "b": [10.0, 100.0]}, "optimizers": [ADAM, SGD, {"kind": "rmsprop"}]},
    "swept_size": {**SMALL, "landscape": {"kind": "rosenbrock", "dim": [2, 5]}, "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}]},
    "expression": {
        **SMALL,
        "landscape": {"kind": "expression", "variables": ["u", "v"], "parameters": {"k": [1.0, 3.0]}, "value": "k*u**2 + v**2"},
        "init": {"kind": "point", "at": 1.0},
        "optimizers": [{"kind": "sgd", "lr": 0.1}],
    },
    "zipped": {**SMALL, "landscape": "rosenbrock", "optimizers": [{**ADAM, "lr": [0.01, 0.1]}], "zip": [["adam.lr", "adam.beta1"]]},
    "zipped_landscape": {
        **SMALL,
        "landscape": {"kind": "rosenbrock", "b": [10.0, 100.0]},
        "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}, {"kind": "sgd", "lr": 1e-3}],
        "zip": [["landscape.b", "adam.lr"]],
    },
    "diverged": {**SMALL, "landscape": "rosenbrock", "optimizers": [{"kind": "sgd", "lr": [1.0, 2.0]}]},
    "random": {**SMALL, "landscape": "tensor_pca", "optimizers": ["spherical_sgd"]},
    "rosenbrock5": {**SMALL, "landscape": {"kind": "rosenbrock", "dim": 5}, "optimizers": [ADAM], "record": {"log": 20}},
    "one_run": {"landscape": "rosenbrock", "optimizers": ["adam"], "steps": 20, "title": "costs $5 and $6"},
    "last_only": {**SMALL, "landscape": "river_valley", "optimizers": [SGD], "record": {"last": True}},
    "many": {**SMALL, "landscape": "river_valley", "optimizers": [{**SGD, "label": f"a_rather_long_label_{k}"} for k in range(10)]},
    "one_diverged": {**SMALL, "landscape": "river_valley", "optimizers": [{"kind": "sgd", "label": "lost", "lr": 3.0}, ADAM]},
    "still": {**SMALL, "landscape": "rosenbrock", "noise": {"kind": "none"}, "init": {"kind": "point", "at": 1.0}, "optimizers": [SGD]},
}
FLAT = [name for name in STUDIES if name not in ("random", "rosenbrock5", "swept_size")]


def result(name, **changes):
    return thalweg.run({"name": name, **STUDIES[name], **changes})


def drawn(path):
    head = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[path.suffix[1:]]
    assert path.read_bytes().startswith(head)
    assert path.stat().st_size > 5000


QUICK = ["river", "zipped", "diverged", "one_run"]
"""Studies that `make test` draws in every kind; `make verify` draws all."""


@pytest.mark.parametrize("name", few(STUDIES, keep=QUICK))
def test_overview_and_loss(name, tmp_path):
    tree = result(name)
    drawn(plot(tree, out=tmp_path / "overview.png"))
    drawn(plot(tree, "loss", tmp_path / "loss.svg"))


@pytest.mark.parametrize("name", few(FLAT, keep=QUICK))
def test_landscape(name, tmp_path):
    drawn(plot(result(name), "landscape", tmp_path / "landscape.svg"))


@pytest.mark.parametrize("name", few([name for name in STUDIES if name != "one_run"], keep=QUICK[:-1]))
def test_sweep(name, tmp_path):
    drawn(plot(result(name), "sweep", tmp_path / "sweep.png"))


@pytest.mark.parametrize(
    ("kind", "suffix"),
    few(product(("overview", "landscape", "loss", "sweep"), FORMATS), keep=[("landscape", "svg"), ("loss", "pdf"), ("sweep", "png")]),
)
def test_every_format(kind, suffix, tmp_path):
    drawn(plot(result("river"), kind, tmp_path / f"x.{suffix}"))


def test_of_a_path(tmp_path):
    thalweg.run({"name": "river", **STUDIES["river"]}, tmp_path / "x.zarr")
    target = tmp_path / "x.PNG"
    assert plot(str(tmp_path / "x.zarr"), "loss", str(target)) == target
    assert target.stat().st_size > 5000


def test_default_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plot(result("one_run")).name == "one_run.png"
    assert (tmp_path / "one_run.png").exists()


def test_a_swept_landscape_has_a_panel_a_value(tmp_path):
    made = plot(result("zipped_landscape"), "landscape", tmp_path / "x.svg").read_text()
    assert "rosenbrock, b=10 " in made
    assert "rosenbrock, b=100 " in made
    assert "at b=10: adam: lr=0.01" in made  # what is zipped with the landscape is said, too
    assert "at b=100: adam: lr=0.1" in made


def test_all_diverged_says_so(tmp_path):
    tree = result("diverged")
    for kind in ("overview", "landscape", "loss", "sweep"):
        made = plot(tree, kind, tmp_path / f"{kind}.svg").read_text()
        assert "every run diverged" in made  # svg keeps the text in a comment


def test_incomplete_store(tmp_path):
    path = tmp_path / "x.zarr"
    thalweg.run({"name": "river", **STUDIES["river"]}, path)
    root: Any = zarr.open_group(str(path), mode="r+", use_consolidated=False)
    for name in ("adam", "sgd"):
        root[name]["status"][...] = 0
        root[name]["loss"][...] = np.nan
        root[name]["params"][...] = np.nan
    for kind in ("overview", "landscape", "loss", "sweep"):
        assert "no run is finished yet" in plot(path, kind, tmp_path / f"{kind}.svg").read_text()


def test_one_optimizer_incomplete(tmp_path):
    path = tmp_path / "x.zarr"
    thalweg.run({"name": "river", **STUDIES["river"]}, path)
    root: Any = zarr.open_group(str(path), mode="r+", use_consolidated=False)
    root["sgd"]["status"][...] = 0
    root["sgd"]["loss"][..., 3:] = np.nan
    root["sgd"]["params"][..., 3:, :] = np.nan
    for kind in ("overview", "sweep"):
        drawn(plot(path, kind, tmp_path / f"{kind}.png"))


def test_without_params_the_overview_is_the_loss_alone(tmp_path):
    tree = result("river", record={"variables": ["loss"]})
    drawn(plot(tree, "overview", tmp_path / "x.png"))
    with pytest.raises(SpecError, match=r"no params.*record\.variables"):
        plot(tree, "landscape", tmp_path / "x.png")


def test_pyplot_is_not_touched(tmp_path):
    import subprocess

    script = (
        "import sys, thalweg.engine.plot as p; assert 'matplotlib' not in sys.modules;"
        "import thalweg; p.plot(thalweg.run({'name':'x','landscape':'rosenbrock','optimizers':['adam'],'steps':5}), out=sys.argv[1]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.png")], check=True)


def test_errors(tmp_path):
    tree = result("rosenbrock5")
    with pytest.raises(SpecError, match=r"no kind 'sweeps'; did you mean 'sweep'.*known: auto"):
        plot(tree, "sweeps", tmp_path / "x.png")
    for bad in ("x.gif", "x"):
        with pytest.raises(SpecError, match=r"\.png, \.svg, \.pdf"):
            plot(tree, "loss", tmp_path / bad)
    with pytest.raises(SpecError, match="random, and different for every seed"):
        plot(result("random"), "landscape", tmp_path / "x.png")
    with pytest.raises(SpecError, match="sweeps no numeric field"):
        plot(result("one_run"), "sweep", tmp_path / "x.png")
    with pytest.raises(SpecError, match=r"record\.variables"):
        plot(result("river", record={"variables": ["params"]}), out=tmp_path / "x.png")
    with pytest.raises(StoreError, match="cannot be written"):
        plot(tree, "loss", tmp_path / "none" / "x.png")
    with pytest.raises(StoreError, match="no such store"):
        plot(tmp_path / "none.zarr", "loss", tmp_path / "x.png")
    assert not list(tmp_path.glob("x*"))
