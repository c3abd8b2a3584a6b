"""The planner: memory that is written over, outputs that are written where they are to be, and what is computed only once change no number."""

import weakref

import array_api_strict
import numpy as np
import pytest
from helpers.battery import FLOATS, inputs, numbers, scalar
from thalweg.specs.program import arrays
from thalweg.specs.program.arrays import Evaluation, computed, evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import FUNCTIONS, given
from thalweg.specs.program.node import apply, ordered
from thalweg.specs.program.read import Reading

EXAMPLES = [(kind, text) for kind in FUNCTIONS.kinds() for text in FUNCTIONS.load(kind).examples]
LEAD = (2, 3)


def one_by_one(outputs, given_arrays):
    """The outputs by plain calls, no memory shared with what comes in."""
    held = {}
    for n in ordered(outputs):
        name = n.function.name
        args = [held[id(a)].copy() for a in n.args]
        held[id(n)] = np.array(given_arrays[n.option("name")] if name == "input" else computed(np, n, args, np.float64))
    return [held[id(n)] for n in outputs]


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_what_is_written_over_is_not_needed_any_more(kind, text, monkeypatch):
    monkeypatch.setattr(arrays, "SMALL", 0)
    known = inputs()
    made = Reading(known).read(text)
    outputs = [made]
    if made.kind == "float":
        y = scalar(made) * scalar(made)
        xs = [known[name] for name in FLOATS]
        outputs += [y, *grad(y, xs), *hvp(y, xs, xs)]
    data = numbers(LEAD)
    before = {name: a.copy() for name, a in data.items()}
    for found, wanted in zip(evaluate(outputs, np, data), one_by_one(outputs, data), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-11)
    for name, a in before.items():
        np.testing.assert_array_equal(data[name], a)


def test_memory_is_written_over_where_arrays_are_large():
    """Of a chain of functions NumPy holds the input and one array more."""
    x = given("x", (3, 4))
    y = x * 2.0
    for _ in range(10):
        y = apply("tanh", y + 1.0)
    run = Evaluation([y])
    assert all(step.over for step in run.plan.steps[1:])
    x_there = np.random.default_rng(0).normal(size=(100, 20, 3, 4))
    wanted = x_there * 2.0
    for _ in range(10):
        wanted = np.tanh(wanted + 1.0)
    np.testing.assert_array_equal(run(np, {"x": x_there})[0], wanted)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sum(tanh(x) + T(reshape(tanh(x), [4, 3])))", "a view of it is still there"),
        ("sum(exp(x) * stop_gradient(exp(x)))", "what is no function of its own may be the same memory"),
        ("sum(tanh(x)[0] * tanh(x)[1])", "two parts of one array"),
        ("sum((tanh(A) + T(tanh(A))) @ v)", "both places of a sum are the same memory"),
    ],
)
def test_what_something_looks_at_is_left_alone(text, why, monkeypatch):
    monkeypatch.setattr(arrays, "SMALL", 0)
    made = Reading(inputs()).read(text)
    outputs = [made, *grad(made, [inputs()[name] for name in FLOATS])]
    for found, wanted in zip(evaluate(outputs, np, numbers(LEAD)), one_by_one(outputs, numbers(LEAD)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-11, err_msg=why)


def test_outputs_are_written_where_they_are_to_be():
    known = inputs()
    made = Reading(known).read("sum(tanh(x @ A)) + sum(v*w)")
    by = [known[name] for name in ("x", "A", "v", "w")]
    run, data = Evaluation([made, *grad(made, by)]), numbers(LEAD)
    places = [np.full((*LEAD, *n.shape), np.nan) for n in (made, *by)]
    found = run(np, data, places)
    assert [a is place for a, place in zip(found, places, strict=True)] == [True, True, True, False, False]
    for a, wanted in zip(found, evaluate([made, *grad(made, by)], np, data), strict=True):
        np.testing.assert_array_equal(a, np.broadcast_to(wanted, a.shape))


def test_one_array_that_is_two_outputs():
    x = given("x", (3,))
    twice = apply("exp", x)
    places = [np.zeros((2, 3)), np.zeros((2, 3))]
    first, second = Evaluation([twice, twice])(np, {"x": np.ones((2, 3))}, places)
    np.testing.assert_array_equal(first, np.exp(np.ones((2, 3))))
    np.testing.assert_array_equal(second, first)


@pytest.mark.parametrize("xp", [np, array_api_strict])
def test_what_hangs_on_lasting_inputs_alone_follows_their_values(xp):
    known = inputs()
    made = Reading(known).read("sum(exp(s) * tanh(A) @ v * w)")
    run, data = Evaluation([made], lasting=("s", "A")), numbers()
    for change in (0.0, 0.0, 1.0, 0.0):
        data["s"], data["A"] = np.asarray(0.7 + change), data["A"] + change
        (found,) = run(xp, {name: xp.asarray(a) for name, a in data.items()})
        np.testing.assert_allclose(float(found), float(evaluate([made], np, data)[0]), rtol=1e-14)


def test_it_is_computed_once_and_large_inputs_are_known_by_identity(monkeypatch):
    counted = []
    monkeypatch.setattr(arrays, "computed", lambda xp, n, *rest: counted.append(n.function.name) or computed(xp, n, *rest))
    table, v = given("table", (150, 150)), given("v", (150,))
    run = Evaluation([apply("sum", apply("einsum", apply("exp", table), v, subscripts="ij,j->i"))], lasting=("table",))
    there = np.random.default_rng(0).normal(size=(150, 150))
    for k in range(3):
        run(np, {"table": there, "v": np.full(150, float(k))})
    assert counted.count("exp") == 1
    run(np, {"table": there.copy(), "v": np.ones(150)})
    assert counted.count("exp") == 2
    run(np, {"table": there[:], "v": np.ones(150)})  # another view of the same numbers
    assert counted.count("exp") == 2
    (found,) = run(np, {"table": there.T, "v": np.ones(150)})
    np.testing.assert_allclose(found, np.exp(there).sum(), rtol=1e-12)
    assert counted.count("exp") == 3


def test_no_more_than_a_bound_is_held(monkeypatch):
    monkeypatch.setattr(arrays, "HELD_BYTES", 5 * 2 * 150 * 150 * 8)
    run = Evaluation([apply("sum", apply("exp", given("table", (150, 150))) * given("v"))], lasting=("table",))
    every = [np.full((150, 150), float(k)) for k in range(12)]
    for k, there in enumerate(every):
        (found,) = run(np, {"table": there, "v": np.ones(())})
        np.testing.assert_allclose(found, 150 * 150 * np.exp(k), rtol=1e-12)
        held = sum(a.nbytes for one in run.held.values() for a in one.arrays)
        assert held == run.bytes_held <= arrays.HELD_BYTES
    assert len(run.held) > 1


def test_what_is_held_keeps_no_input_in_memory():
    run = Evaluation([apply("sum", apply("exp", given("table", (150, 150))) * given("v"))], lasting=("table",))
    whole = np.zeros((20, 150, 150))
    gone = weakref.ref(whole)
    run(np, {"table": whole[3], "v": np.ones(())})
    assert len(run.held) == 1
    del whole
    assert gone() is None
    for k in range(3):  # arrays that may come to lie where it was
        (found,) = run(np, {"table": np.full((20, 150, 150), float(k))[3], "v": np.ones(())})
        np.testing.assert_allclose(found, 150 * 150 * np.exp(k), rtol=1e-12)


def test_precisions_do_not_mix():
    run = Evaluation([apply("sum", given("x", (3,)) * 0.1)])
    for dtype in (np.float32, np.float64, np.float32):
        assert run(np, {"x": np.ones(3, dtype)})[0].dtype == dtype


def test_short_axes_have_the_same_bits_for_one_run_and_many():
    made = [apply(name, given("x", (40, 7)), axis=1) for name in ("sum", "max", "min", "logsumexp")]
    x = np.random.default_rng(0).normal(size=(5, 6, 40, 7))
    x[1, 2, 3, 4] = np.nan
    every = evaluate(made, np, {"x": x})
    for at in np.ndindex(5, 6):
        for many, one in zip(every, evaluate(made, np, {"x": x[at]}), strict=True):
            np.testing.assert_array_equal(many[at], one)
    np.testing.assert_allclose(every[0], x.sum(-1), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(every[1], x.max(-1))
    np.testing.assert_array_equal(every[2], x.min(-1))
