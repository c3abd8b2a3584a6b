"""The battery that every function of the language passes on its own examples: shapes, run axes, precision, derivatives, namespaces."""

import array_api_strict
import numpy as np
import pytest
from helpers.battery import FLOATS, SHAPES, inputs, numbers, scalar
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import FUNCTIONS, given
from thalweg.specs.program.read import Reading

EXAMPLES = [(kind, text) for kind in FUNCTIONS.kinds() for text in FUNCTIONS.load(kind).examples]
LEAD = (2, 3)


def test_every_function_has_an_example_and_says_what_it_is():
    for kind in FUNCTIONS.kinds():
        function = FUNCTIONS.load(kind)
        assert function.name == kind
        assert function.examples, kind
        assert type(function).__doc__


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_the_value_has_the_shape_and_kind_that_the_node_says(kind, text):
    made = Reading(inputs()).read(text)
    (value,) = evaluate([made], np, numbers())
    value = np.asarray(value)
    assert value.shape == made.shape
    assert {"f": "float", "i": "int", "u": "int", "b": "bool"}[value.dtype.kind] == made.kind


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_runs_are_computed_side_by_side_as_each_alone(kind, text):
    made = Reading(inputs()).read(text)
    every = numbers(LEAD)
    (value,) = evaluate([made], np, every)
    value = np.broadcast_to(value, (*LEAD, *made.shape))
    for at in np.ndindex(*LEAD):
        (alone,) = evaluate([made], np, {name: a[at] if a.shape[:2] == LEAD else a for name, a in every.items()})
        np.testing.assert_allclose(value[at], alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_single_precision_stays_single(kind, text):
    made = Reading(inputs()).read(text)
    if made.kind == "float":
        data = {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in numbers(LEAD).items()}
        (value,) = evaluate([made], np, data)
        assert not hasattr(value, "dtype") or value.dtype == np.float32 or not made.args
        (double,) = evaluate([made], np, numbers(LEAD))
        np.testing.assert_allclose(value, double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_gradient_and_hessian_product_are_what_differences_say(kind, text):
    known = inputs()
    made = Reading(known).read(text)
    by = [name for name in FLOATS if name in text]
    if made.kind != "float" or not by or kind == "stop_gradient":
        return
    y, step = scalar(made), 1e-6
    directions = [given(f"d{name}", SHAPES[name]) for name in by]
    xs = [known[name] for name in by]
    gradient, products = grad(y, xs), hvp(y, xs, directions)
    data, rng = numbers(), np.random.default_rng(1)
    for name in by:
        d = rng.normal(size=SHAPES[name])
        data[f"d{name}"] = d + d.T if name in ("A", "B") else d
    outputs = evaluate([y, *gradient, *products], np, data)
    slopes, curved = outputs[1 : 1 + len(by)], outputs[1 + len(by) :]
    ends = [evaluate([y, *gradient], np, data | {name: data[name] + sign * step * data[f"d{name}"] for name in by}) for sign in (1, -1)]
    along = sum(np.sum(g * data[f"d{name}"]) for g, name in zip(slopes, by, strict=True))
    np.testing.assert_allclose((ends[0][0] - ends[1][0]) / (2 * step), along, rtol=1e-6, atol=1e-7)
    for k in range(len(by)):
        difference = (np.asarray(ends[0][1 + k]) - ends[1][1 + k]) / (2 * step)
        np.testing.assert_allclose(np.broadcast_to(curved[k], difference.shape), difference, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_the_array_api_suffices(kind, text):
    made = Reading(inputs()).read(text)
    xp = array_api_strict
    data = {name: xp.asarray(a) for name, a in numbers().items()}
    outputs = [made, *grad(scalar(made), [inputs()[name] for name in FLOATS])] if made.kind == "float" else [made]
    for strict, plain in zip(evaluate(outputs, xp, data), evaluate(outputs, np, numbers()), strict=True):
        np.testing.assert_allclose(np.asarray(strict), np.asarray(plain), rtol=1e-12, atol=1e-13)
