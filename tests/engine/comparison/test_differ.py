"""Where two groups part."""

import numpy as np
import pytest
import thalweg
from thalweg.engine.cli import app
from thalweg.engine.comparison.first_difference import differ
from thalweg.specs.errors import SpecError
from typer.testing import CliRunner

LAND = {"kind": "matrix_quadratic", "rows": 4, "cols": 3}
STUDY = {"name": "s", "landscape": LAND, "seeds": 3, "steps": 10, "record": {"every": 1, "variables": ["loss", "params"]}}
ADAMS = [{"kind": "adam", "label": "a", "lr": 0.01}, {"kind": "adam", "label": "b", "lr": 0.01, "beta2": 0.9}]


def test_equal_rules_never_part_and_others_at_the_step_of_their_first_difference():
    """Adam's first step does not depend on beta2; its second does."""
    made = differ(thalweg.run({**STUDY, "optimizers": [*ADAMS, {"kind": "adam", "label": "c", "lr": 0.01}]}), "a", "b")
    assert made["step"].values.tolist() == [2, 2]
    assert (made["final"] > 0).all()
    same = differ(thalweg.run({**STUDY, "optimizers": [*ADAMS, {"kind": "adam", "label": "c", "lr": 0.01}]}), "a", "c")
    assert same["step"].values.tolist() == [-1, -1]


def test_the_conventions_of_muon_part_where_they_should():
    muon = [{"kind": "muon", "label": p, "preset": p, "lr": 0.02} for p in ("keller", "optax")]
    tree = thalweg.run({**STUDY, "optimizers": muon})
    assert differ(tree, "keller", "optax").sel(variable="params")["step"] == 1
    square = thalweg.run({**STUDY, "landscape": {**LAND, "cols": 4}, "optimizers": muon})
    assert differ(square, "keller", "optax", rtol=1e-5).sel(variable="params")["step"] == 2  # nesterov's mixture


def test_a_run_that_diverges_differs_from_one_that_does_not():
    tree = thalweg.run({**STUDY, "optimizers": [{"kind": "sgd", "label": "a", "lr": 0.1}, {"kind": "sgd", "label": "b", "lr": 1e12}]})
    assert np.isinf(differ(tree, "a", "b")["final"]).all()


def test_the_command_and_wrong_names(tmp_path):
    out = tmp_path / "s.zarr"
    thalweg.run({**STUDY, "optimizers": ADAMS}, out)
    shown = CliRunner().invoke(app, ["differ", str(out), "a", "b"])
    assert shown.exit_code == 0
    assert "first differs" in shown.stdout
    with pytest.raises(SpecError, match="there is no group 'c'"):
        differ(thalweg.open_run(out), "a", "c")
    with pytest.raises(SpecError, match="must not be negative"):
        differ(thalweg.open_run(out), "a", "b", rtol=-1)
