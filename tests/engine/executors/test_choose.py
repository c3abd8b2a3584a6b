"""Which executor runs what, what is said about it, and that a store is finished by the one that began it."""

import numpy as np
import pytest
import thalweg
from thalweg.engine import check
from thalweg.engine.cli import app
from thalweg.engine.executors.choose import choose, why_not_on_cuda
from thalweg.optimizers.base import ElementwiseOptimizer, VectorOptimizer
from thalweg.specs.errors import SpecError, StoreError
from typer.testing import CliRunner

STUDY = {"name": "choice", "landscape": "himmelblau", "optimizers": [{"kind": "sgd", "lr": 0.001}], "steps": 10}
LARGE = {**STUDY, "seeds": 4096, "steps": 5000}


def group(spec):
    return check(spec).groups[0]


def test_auto_takes_the_fused_executor_where_it_can_and_pays():
    assert choose(group(LARGE)).name == "fused"
    small = choose(group(STUDY))
    assert (small.name, small.reason) == ("array", "too little work to be worth compiling")
    assert choose(group(STUDY), "fused").name == "fused"
    assert choose(group(LARGE), "array").name == "array"
    quadratic = choose(group({**LARGE, "landscape": {"kind": "quadratic"}}))
    assert (quadratic.name, quadratic.reason) == ("array", "the landscape quadratic is not a formula")


def test_a_wish_that_cannot_be_fulfilled_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SpecError, match=r"sgd: cannot be fused: the landscape quadratic is not a formula"):
        thalweg.run({**STUDY, "landscape": "quadratic"}, tmp_path / "o.zarr", executor="fused")
    with pytest.raises(SpecError, match=r"there is no executor 'gpu' \(known: auto, array, fused"):
        thalweg.run(STUDY, tmp_path / "o.zarr", executor="gpu")
    assert not (tmp_path / "o.zarr").exists()


def test_check_shows_the_executor_and_the_reason(tmp_path):
    (tmp_path / "s.yaml").write_text("name: s\nlandscape: quadratic\noptimizers: [sgd]\nsteps: 10\n")
    shown = CliRunner().invoke(app, ["check", str(tmp_path / "s.yaml")]).stdout
    assert "executor array (the landscape quadratic is not a formula)" in shown


def test_a_store_says_who_made_it_and_is_finished_by_the_same(tmp_path):
    out = tmp_path / "o.zarr"
    assert thalweg.run(STUDY, out, executor="fused")["sgd"].attrs["executor"] == "fused"
    thalweg.run(STUDY, out, resume=True)
    with pytest.raises(StoreError, match="begun with the fused executor"):
        thalweg.run(STUDY, out, resume=True, executor="array")


def test_formulas_over_tensors_have_kernels_for_the_device():
    land = {"kind": "expression", "variables": {"W": [2, 3]}, "value": "sum(W**2)"}
    for landscape in (land, {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [3]}):
        assert why_not_on_cuda(group({**STUDY, "landscape": landscape})) is None
    assert why_not_on_cuda(group({**STUDY, "landscape": "quadratic"})) == "the landscape quadratic is not a formula"


class Branches(ElementwiseOptimizer):
    """A rule that branches on an array."""

    kind: str = "branches"
    lr: float = 0.1

    @staticmethod
    def update(x, g, lr):
        if g > 0:
            return x - lr
        return x + lr


class Sorts(ElementwiseOptimizer):
    """A rule that sorts the components."""

    kind: str = "sorts"
    lr: float = 0.1

    @staticmethod
    def update(x, g, lr):
        return x - lr * np.sort(g, axis=-1)


class Adds(VectorOptimizer):
    """A rule that sums over half of the components."""

    kind: str = "adds"
    lr: float = 0.1

    @staticmethod
    def update(x, g, lr):
        return x - lr * np.sum(g[..., :2], axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Branches(), "branches: its rule decides with `if`, `and` or `not` on the values of an array"),
        (Sorts(), "its rule takes sort_order, which is neither arithmetic on components nor a sum over them"),
        (Adds(), "its rule takes index, which is neither"),
    ],
)
def test_a_rule_that_is_not_arithmetic_says_what_it_has(rule, message):
    from thalweg.engine.executors.codegen.refusal import NotFusable
    from thalweg.engine.executors.codegen.rule_source import rule_source

    with pytest.raises(NotFusable, match=message):
        rule_source(rule, 4, "float32", 64, True)


def test_many_steps_of_few_runs_are_fused_too():
    spec = {"name": "t", "landscape": "river_valley", "optimizers": ["sgd"], "seeds": 2}
    (short,), (long,) = (check({**spec, "steps": steps}).groups for steps in (1000, 100_000))
    assert choose(short).name == "array"
    assert choose(long).name == "fused"
