"""Formulas in both executors: the same value, gradient and status, whatever the point and the order of arguments."""

import importlib.util
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers.formulas import POINTS, TEXTS, separate
from helpers.repetitions import few
from numba import njit
from thalweg.engine import run
from thalweg.engine.executors.codegen.disk_cache import load
from thalweg.engine.executors.codegen.formula_source import formula_source, scratch_rows
from thalweg.engine.executors.tensors.aligned import align
from thalweg.specs.calculus import calculus
from thalweg.specs.expression import Formula, parse
from thalweg.specs.status import Status

LANES = 64


def in_a_kernel(parsed, x, p, uniform):
    """(loss, gradient, observables) at x (dim, LANES), as the fused executor's module computes them."""
    precision = x.dtype.name
    module = load(formula_source(parsed, precision, LANES, uniform, True))
    shapes = LANES, x.shape, (max(1, len(parsed.observables)), LANES), (scratch_rows(parsed), LANES)
    loss, gradient, seen, scratch = (align(np.zeros(shape, x.dtype)) for shape in shapes)
    x, p, limit = align(x), align(p), np.finfo(precision).max
    landscape, observe = module.landscape, module.observe

    @njit  # kernels are compiled without reference counts, for callers that are compiled too
    def call(x, loss, gradient, seen, p, scratch, limit):
        landscape(x, loss, gradient, p, scratch, limit)
        observe(x, seen, p, scratch, limit)

    call(x, loss, gradient, seen, p, scratch, limit)
    return loss, gradient, seen


@pytest.mark.parametrize(
    ("precision", "uniform", "every"),
    few(product(("float32", "float64"), (True, False), (8, 1)), keep=[("float64", False, 8)]),
)
def test_values_and_gradients_are_the_same_in_both(precision, uniform, every):
    """Every formula in a variable of its own, or each eighth; a kernel's gradient and observables at once."""
    texts = TEXTS[::every]
    formula = separate(texts)
    names = formula.variables
    parsed = parse(formula)
    x = np.tile(np.resize(np.array(POINTS, precision), LANES), (len(names), 1))
    p = np.full((1, 1 if uniform else LANES), 1.5, precision)
    gradient, seen = in_a_kernel(parsed, x, p, uniform)[1:]
    with np.errstate(all="ignore"):
        c, numbers = calculus(formula), {"k": p[0]}
        slopes, values = c.value_and_grad(x.T, numbers, np)[1].T, c.observe(x.T, numbers, np)
    tolerance, rounding = {"float32": (2e-5, 3e-7), "float64": (1e-13, 4e-16)}[precision]
    for k, text in enumerate(texts):
        wanted = values[f"o{k}"]
        np.testing.assert_allclose(seen[k], wanted, rtol=tolerance, atol=rounding, err_msg=text)
        known = np.isfinite(wanted)  # elsewhere the run has ended
        np.testing.assert_allclose(gradient[k][known], slopes[k][known], rtol=tolerance, atol=rounding, err_msg=text)


BRANCHED = [
    ("max(log(x), 0)", -1.0, "diverged"),
    ("max(0, log(x))", -1.0, "diverged"),
    ("exp(x)/(1 + exp(x))", 60.0, "finished"),
    ("exp(log(x))", -1.0, "diverged"),
    ("x/x", 0.0, "diverged"),
    ("sqrt(x**2)", 0.0, "finished"),
]


@pytest.mark.parametrize(("text", "start", "status"), BRANCHED)
@pytest.mark.parametrize("executor", ["array", "fused"])
def test_a_run_ends_alike_in_both(text, start, status, executor):
    land = {"kind": "expression", "variables": ["x"], "value": text}
    spec = {"name": "a", "landscape": land, "init": {"kind": "point", "at": start}, "optimizers": [{"kind": "sgd", "lr": 0.1}], "steps": 2}
    made = run({**spec, "precision": "float32", "record": {"every": 1}}, executor=executor)["sgd"]
    assert made.status.item() == (Status.FINISHED if status == "finished" else Status.DIVERGED)
    assert np.isnan(made.loss.values).all() == (status == "diverged")


REDUCED = ["sqrt(sum(x[i]**2))", "sqrt(prod(x[i]))", "sin(sqrt(sum(x[i]**2)))**2", "sum(sqrt(abs(x[i])))**2", "prod(x[i]**i)", "max(sum(x[i]), prod(x[i]))",
           "sum(x[i]**i) + sqrt(x[0]**2 + sum(abs(x[i])))", "sum((x[i]**2)**(x[i+1]**2+1) + (x[i+1]**2)**(x[i]**2+1))"]  # fmt: skip


BESIDE = ["prod(sqrt(abs(x[i])))", "prod(sqrt(x[i]))", "x[0]*prod(sqrt(x[i]))", "sqrt(prod(sqrt(x[i])))", "prod(abs(x[i])**0.5)**2",
                                  "sum(sqrt(x[i]))*x[1]", "x[0]*sum(x[i]**2)", "x[1] + sum(x[i]**2)**2", "x[2]**2*prod(x[i])", "sum(x[i]**0.3)**2", "x[0]*sum(sqrt(x[i]))", "sqrt(prod(x[i]) + 1)", "sin(sum(i))*sum(x[i]) + sum(2.0)", "cos(pi/3) + sin(7)*x[0]*prod(2.0)", "sqrt(sum(sqrt(x[i])))"]  # fmt: skip


@pytest.mark.parametrize("text", few(BESIDE, keep=["prod(sqrt(abs(x[i])))", "x[2]**2*prod(x[i])"]))
def test_reductions_with_roots_or_components_beside_them(text):
    check_reduced(text)


@pytest.mark.parametrize("text", few(REDUCED, keep=["sqrt(sum(x[i]**2))", "max(sum(x[i]), prod(x[i]))"]))
def test_sums_and_products_too(text):
    assert not np.isnan(check_reduced(text)[:, 0]).any()


def check_reduced(text):
    """The gradient from a kernel, which is the array executor's."""
    formula = Formula(text, vector=("x", 3))
    x = np.random.default_rng(0).choice([0.0, 1.0, -1.0, 0.5], (3, LANES))
    x[:, 0] = 0
    loss, gradient, _ = in_a_kernel(parse(formula), x, np.zeros((1, 1)), True)
    with np.errstate(all="ignore"):
        value, slopes = calculus(formula).value_and_grad(x.T, {}, np)
    np.testing.assert_allclose(loss, value, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(gradient, slopes.T, rtol=1e-14, atol=1e-15)
    return gradient


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install 'thalweg[test]'")
@pytest.mark.parametrize("precision", few(["float32", "float64"], keep=["float32"]))
def test_the_source_for_a_cuda_device_too(precision):
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    command, tests = [sys.executable, "-m", "helpers.formulas_simulated", precision], Path(__file__).parents[2]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=tests)
    assert done.returncode == 0, done.stderr[-2000:]
