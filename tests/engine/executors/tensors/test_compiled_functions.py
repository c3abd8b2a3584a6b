"""The battery of every function's examples, compiled: values, gradients and Hessian-vector products are those of arrays."""

import numpy as np
import pytest
from helpers.battery import FLOATS, SHAPES, inputs, numbers, scalar
from helpers.compiled import compiled, generated
from helpers.repetitions import few
from thalweg.engine.executors.codegen.refusal import NotFusable
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import FUNCTIONS, given
from thalweg.specs.program.read import Reading

EXAMPLES = [(kind, text) for kind in FUNCTIONS.kinds() for text in FUNCTIONS.load(kind).examples]
WITHOUT = {"ensloss", "sort"}
"""Functions that have no compiled form."""
WITHOUT_TOO = {"x[1:1]", "ones([0])", "zeros([0])"}
"""Other examples that have none: arrays without entries."""
LONG = {"newton_schulz"}
"""Functions whose derivatives take seconds to compile."""
TOGETHER = 25
"""Examples in one module: it takes a second or two to compile, each of them alone would take half of that."""
TOLERANCE = {"float64": 1e-9, "float32": 3e-4}


def have_a_form():
    return [(kind, text) for kind, text in EXAMPLES if kind not in WITHOUT and text not in WITHOUT_TOO]


def outputs(text, order):
    """The value, with derivatives up to this order of a number made of it."""
    known = inputs()
    made = Reading(known).read(text)
    by = [name for name in FLOATS if name in text]
    if made.kind != "float" or not by or not order:
        return [made]
    y, xs, along = scalar(made), [known[name] for name in by], [given(f"d{name}", SHAPES[name]) for name in by]
    return [made, *grad(y, xs), *(hvp(y, xs, along) if order > 1 else [])]


def data():
    rng = np.random.default_rng(1)
    return numbers() | {f"d{name}": rng.normal(size=shape) for name, shape in SHAPES.items()}


def check(texts, orders, precision):
    """That all of these, compiled together, are what arrays say."""
    nodes = [(text, k, n) for text, order in zip(texts, orders, strict=True) for k, n in enumerate(outputs(text, order))]
    found, expected = compiled([n for _, _, n in nodes], data(), precision), evaluate([n for _, _, n in nodes], np, data())
    rtol = TOLERANCE[precision]
    for (text, k, n), one, other in zip(nodes, found, expected, strict=True):
        other = np.broadcast_to(np.asarray(other, dtype=float), n.shape)
        atol = rtol * max(1.0, np.abs(other).max(initial=0.0))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=f"{text}, output {k}")


QUICK = ("matmul", "sum", "softmax", "where", "solve", "cholesky", "einsum", "take", "logsumexp", "power", "stack", "var", "cross_entropy")
"""Functions of which `make test` tries the first example."""


def quick():
    return [next(pair for pair in have_a_form() if pair[0] == kind) for kind in QUICK]


def parts(examples):
    return [examples[k : k + TOGETHER] for k in range(0, len(examples), TOGETHER)]


@pytest.mark.parametrize(
    "some", few([quick(), *parts(have_a_form()[::2])], keep=[quick()]), ids=lambda some: f"{some[0][0]}..{some[-1][0]}"
)
def test_values_and_gradients(some):
    check([text for _, text in some], [kind not in LONG for kind, _ in some], "float64")


@pytest.mark.parametrize(
    "some", few([quick(), *parts(have_a_form()[1::6])], keep=[quick()]), ids=lambda some: f"{some[0][0]}..{some[-1][0]}"
)
def test_values_in_single_precision(some):
    check([text for _, text in some], [0] * len(some), "float32")


@pytest.mark.full
@pytest.mark.parametrize("some", parts(have_a_form()), ids=lambda some: f"{some[0][0]}..{some[-1][0]}")
@pytest.mark.parametrize(("precision", "order"), [("float64", 2), ("float32", 1)])
def test_all_derivatives(some, precision, order):
    check([text for _, text in some], [order] * len(some), precision)


@pytest.mark.parametrize(("kind", "text"), [pair for pair in EXAMPLES if pair not in have_a_form()])
def test_what_has_no_compiled_form_says_so(kind, text):
    with pytest.raises(NotFusable, match=r"no compiled form of|an array without entries"):
        generated(outputs(text, 0), data(), "float64")


NUMBERS = [
    "v @ w",
    "x @ ones([4, 4])",
    "cumsum(ones([4])) @ v",
    "take(ones([4]), k)",
    "matrix_power(s*ones([1, 1]), 3)",
    "prod(zeros([3, 4])) * s",
    "sum(prod(grad(sum(v), x), axis=0))*s",
]


@pytest.mark.parametrize("order", few([1, 2], keep=[1]))
def test_numbers_stand_where_arrays_are_wanted(order):
    """A number repeated has no place of its own; products and the like get one with copies of it."""
    check(NUMBERS, [order] * len(NUMBERS), "float64")


@pytest.mark.parametrize("order", few([1, 2], keep=[1]))
def test_entries_in_any_order_take_another_shape(order):
    texts = [
        "tanh(reshape(tanh(x), [2, 6]))",
        "sum(reshape(tanh(x).T, [6, 2])**2, axis=0)",
        "reshape(tanh(stack(A, B)), [4, 8]) @ concat(v, w)",
    ]
    check(texts, [order] * len(texts), "float64")
