"""Random well-typed formulas, of the functions that there are, against JAX: value, gradient and Hessian-vector product."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from thalweg.specs.program import function
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.node import Node, apply, ordered
from thalweg.specs.program.read import Reading

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp, nn, lse = jax.numpy, jax.nn, jax.scipy.special.logsumexp

Shape = tuple[int, ...]
Term = tuple[str, Callable[[Mapping[str, Any]], Any]]
"""A formula, and what JAX computes for it from the arrays by name."""
SHAPES: dict[str, Shape] = {"X": (3, 4), "Z": (3, 4), "A": (4, 4), "v": (4,), "w": (4,), "b": (3,), "s": (), "t": ()}
CLASSES = np.array([2, 0, 3])
LARGEST = 1e3
"""Programs with larger intermediate values are left out, and those with values closer to a tie than TIE: their last digits are not JAX's."""
TIE = 1e-6


def magnitude(x):
    return x * jnp.sign(x)


def picked(x):
    return jnp.take_along_axis(x, CLASSES[:, None], -1)[:, 0]


def cross_entropy(x):
    return lse(x, axis=-1) - picked(x)


def focal(x, gamma):
    c = cross_entropy(x)
    return (1 - jnp.exp(-c)) ** gamma * c


def comp_sum(x, tau):
    return (jnp.exp((1 - tau) * cross_entropy(x)) - 1) / (1 - tau)


def kl(x, z):
    p = nn.log_softmax(x)
    return (jnp.exp(p) * (p - nn.log_softmax(z))).sum(-1)


def huber(r, delta):
    return jnp.where(magnitude(r) <= delta, r * r / 2, delta * (magnitude(r) - delta / 2))


UNARY = {
    "-{}": jnp.negative,
    "tanh({})": jnp.tanh,
    "exp(tanh({}))": lambda x: jnp.exp(jnp.tanh(x)),
    "expm1(tanh({}))": lambda x: jnp.expm1(jnp.tanh(x)),
    "log(1.5 + {0}*{0})": lambda x: jnp.log(1.5 + x * x),
    "sqrt(0.5 + {}**2)": lambda x: jnp.sqrt(0.5 + x**2),
    "(1 + abs({}))**1.3": lambda x: (1 + magnitude(x)) ** 1.3,
    "1/(1.2 + {}**2)": lambda x: 1 / (1.2 + x**2),
    "abs({})": magnitude,
    "sign({})": jnp.sign,
    "{}**2": jnp.square,
    "{}**3": lambda x: x * x * x,
    "2**tanh({})": lambda x: 2.0 ** jnp.tanh(x),
    "softplus({})": nn.softplus,
    "sigmoid({})": nn.sigmoid,
    "stop_gradient({})": jax.lax.stop_gradient,
    "logistic({})": lambda x: jnp.log1p(jnp.exp(-x)),
    "hinge({})": lambda x: jnp.maximum(0, 1 - x),
    "exponential(tanh({}))": lambda x: jnp.exp(-jnp.tanh(x)),
    "huber({}, 0.4)": lambda x: huber(x, 0.4),
    "huber({}, delta=1.3)": lambda x: huber(x, 1.3),
    "sin({})": jnp.sin,
    "cos({})": jnp.cos,
    "arctan({})": jnp.arctan,
    "log1p({}**2)": lambda x: jnp.log1p(x**2),
    "square({})": jnp.square,
    "relu({})": nn.relu,
    "silu({})": nn.silu,
    "erf({})": jax.scipy.special.erf,
}
BINARY = {
    "{} + {}": jnp.add,
    "{} - {}": jnp.subtract,
    "{} * {}": jnp.multiply,
    "{} / (1.5 + {}**2)": lambda x, z: x / (1.5 + z**2),
    "(1 + abs({}))**tanh({})": lambda x, z: (1 + magnitude(x)) ** jnp.tanh(z),
    "maximum({}, {})": jnp.maximum,
    "minimum({}, {})": jnp.minimum,
    "max({}, {})": jnp.maximum,
    "min({}, {})": jnp.minimum,
    "where({0} > {1}, {0}*{0}, {1})": lambda x, z: jnp.where(x > z, x * x, z),
    "where({0} <= {1}, {1}, tanh({0}))": lambda x, z: jnp.where(x <= z, z, jnp.tanh(x)),
}
MATRIX, SQUARE, ROW, COLUMN, NUMBER = (3, 4), (4, 4), (4,), (3,), ()
OTHERS: list[tuple[Shape, str, tuple[Shape, ...], Callable[..., Any]]] = [
    *(
        (NUMBER, f"{name}({{}})", (shape,), f)
        for shape in (MATRIX, ROW)
        for name, f in [("sum", jnp.sum), ("mean", jnp.mean), ("logsumexp", lse)]
    ),
    *((NUMBER, f"{name}({{}})", (shape,), f) for shape in (SQUARE, COLUMN) for name, f in [("max", jnp.max), ("min", jnp.min)]),
    (NUMBER, "{} @ {}", (ROW, ROW), jnp.matmul),
    (NUMBER, "mse({}, {})", (MATRIX, MATRIX), lambda x, z: jnp.mean((x - z) ** 2)),
    (NUMBER, "mean({} > {})", (MATRIX, ROW), lambda x, z: jnp.mean(1.0 * (x > z))),
    (NUMBER, "prod({})", (COLUMN,), jnp.prod),
    (NUMBER, "trace({})", (SQUARE,), jnp.trace),
    *(
        (COLUMN, f"{name}({{}}, axis=1)", (MATRIX,), lambda x, f=f: f(x, axis=1))
        for name, f in [("sum", jnp.sum), ("max", jnp.max), ("logsumexp", lse)]
    ),
    (COLUMN, "mean({}, -1)", (MATRIX,), lambda x: x.mean(-1)),
    (COLUMN, "var({}, axis=1)", (MATRIX,), lambda x: x.var(1)),
    (COLUMN, "{} @ {}", (MATRIX, ROW), jnp.matmul),
    (COLUMN, "pick({}, y)", (MATRIX,), picked),
    (COLUMN, "cross_entropy({}, y)", (MATRIX,), cross_entropy),
    (COLUMN, "focal({}, y)", (MATRIX,), lambda x: focal(x, 2)),
    (COLUMN, "focal({}, y, 1 + sigmoid({}))", (MATRIX, NUMBER), lambda x, s: focal(x, 1 + nn.sigmoid(s))),
    (COLUMN, "comp_sum({}, y, 0.3)", (MATRIX,), lambda x: comp_sum(x, 0.3)),
    (COLUMN, "comp_sum({}, y, 1.2 + sigmoid({}))", (MATRIX, NUMBER), lambda x, s: comp_sum(x, 1.2 + nn.sigmoid(s))),
    (COLUMN, "kl({}, {})", (MATRIX, ROW), kl),
    *(
        (ROW, f"{name}({{}}, axis=0)", (MATRIX,), lambda x, f=f: f(x, axis=0))
        for name, f in [("sum", jnp.sum), ("min", jnp.min), ("logsumexp", lse)]
    ),
    (ROW, "mean({}, [0])", (SQUARE,), lambda x: x.mean(0)),
    (ROW, "{} @ {}", (COLUMN, MATRIX), jnp.matmul),
    (ROW, "{} @ {}", (SQUARE, ROW), jnp.matmul),
    (ROW, "dpo({}, {}, {}, {}, 0.4)", (ROW,) * 4, lambda a, b, c, d: nn.softplus(-0.4 * (a - c - (b - d)))),
    (ROW, "dpo({}, {}, 0, 0, beta=1)", (ROW,) * 2, lambda a, b: nn.softplus(b - a)),
    (ROW, "softmax({}, axis=-1)", (ROW,), nn.softmax),
    (MATRIX, "{} @ {}", (MATRIX, SQUARE), jnp.matmul),
    (MATRIX, "broadcast({}, [3, 4])", (ROW,), lambda x: jnp.broadcast_to(x, (3, 4))),
    (MATRIX, "reshape({}, [3, 1]) * {}", (COLUMN, ROW), lambda x, z: x[:, None] * z),
    (MATRIX, "reshape(reshape({}, [2, 6]).T, [3, 4])", (MATRIX,), lambda x: x.reshape(2, 6).T.reshape(3, 4)),
    (MATRIX, "{} - logsumexp({}, axis=1, keepdims=True)", (MATRIX, MATRIX), lambda x, z: x - lse(z, axis=1, keepdims=True)),
    (MATRIX, "log_softmax({}, axis=-1)", (MATRIX,), nn.log_softmax),
    (SQUARE, "{} @ {}", (SQUARE, SQUARE), jnp.matmul),
    (SQUARE, "{}.T", (SQUARE,), jnp.transpose),
    (SQUARE, "{}.T @ {}", (MATRIX, MATRIX), lambda x, z: x.T @ z),
    (SQUARE, "outer({}, {})", (ROW, ROW), jnp.outer),
]
SMALLER: dict[Shape, list[Shape]] = {
    MATRIX: [MATRIX, MATRIX, ROW, NUMBER],
    SQUARE: [SQUARE, SQUARE, ROW, NUMBER],
    ROW: [ROW, ROW, NUMBER],
    COLUMN: [COLUMN, COLUMN, NUMBER],
    NUMBER: [NUMBER],
}


def there_is(template: str) -> bool:
    """Whether this language has the functions of a template."""
    return all(name in function.FUNCTIONS.modules() for name in re.findall(r"([a-z_]\w*)\(", template))


def called(template: str, terms: list[Term], f: Callable[..., Any]) -> Term:
    parts = [part for _, part in terms]
    return f"({template.format(*(text for text, _ in terms))})", lambda arrays: f(*(part(arrays) for part in parts))


@st.composite
def formulas(draw: Any, shape: Shape, depth: int, local: Mapping[str, Shape]) -> Term:
    """A formula of this shape, of the variables and the local names."""

    def part(shape: Shape, more: Mapping[str, Shape] | None = None) -> Term:
        return draw(formulas(shape, depth - 1 - draw(st.integers(0, 1)), {**local, **(more or {})}))

    kinds = ["unary", "binary", "binary", "other", "other", "other", "grad", "iterate"] if depth > 0 else ["name"]
    match draw(st.sampled_from(kinds)):
        case "unary":
            template = draw(st.sampled_from([t for t in UNARY if there_is(t)]))
            return called(template, [part(shape)], UNARY[template])
        case "binary":
            template = draw(st.sampled_from([t for t in BINARY if there_is(t)]))
            parts = [part(shape), part(draw(st.sampled_from(SMALLER[shape])))]
            return called(template, parts, BINARY[template])
        case "other":
            _, template, shapes, f = draw(st.sampled_from([rule for rule in OTHERS if rule[0] == shape and there_is(rule[1])]))
            return called(template, [part(each) for each in shapes], f)
        case "grad":
            name = draw(st.sampled_from([name for name, each in {**SHAPES, **local}.items() if each == shape]))
            text, f = part(draw(st.sampled_from(list(SMALLER))))
            return f"grad(sum({text}), {name})", lambda arrays: jax.grad(lambda x: f({**arrays, name: x}).sum())(arrays[name])
        case "iterate":
            name, turns = f"d{len(local)}", draw(st.integers(1, 3))
            (start, first), (body, f) = part(shape), part(shape, {name: shape})

            def iterated(arrays: Mapping[str, Any]) -> Any:
                d = first(arrays)
                for _ in range(turns):
                    d = f({**arrays, name: d})
                return d

            return f"iterate({turns}, {name}, {start}, {body})", iterated
        case _:
            names = [name for name, each in {**SHAPES, **local}.items() if each == shape]
            name = draw(st.sampled_from([*names, *(("0.3", "-1.7", "2.3") if shape == () else ())]))
            return name, lambda arrays: arrays[name] if name in arrays else jnp.asarray(float(name))


def distinct(n: Node, value: Any, args: list[Any]) -> bool:
    """Whether a value is finite, not large, and away from kinks."""
    if value.dtype != bool and not (np.isfinite(value).all() and np.abs(value).max() < LARGEST):
        return False
    match n.function.name:
        case "maximum" | "minimum" | "less" | "less_equal":
            return bool((np.abs(args[0] - args[1]) > TIE).all())
        case "abs" | "sign" | "relu":
            return bool((np.abs(args[0]) > TIE).all())
        case "max" | "min":
            away = np.abs(args[0] - np.expand_dims(value, n.option("axis")))
            return bool((np.sort(away, axis=None)[value.size :] > TIE).all())
        case _:
            return True


def check(text: str, theirs: Callable[[Mapping[str, Any]], Any], seed: int) -> bool:
    """That value, gradient and Hessian-vector product are those of JAX, at random points; False where these are too large or close to a tie."""
    rng = np.random.default_rng(seed)
    arrays = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    along = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    inputs = {name: function.given(name, shape) for name, shape in SHAPES.items()} | {"y": function.given("y", CLASSES.shape, "int")}
    made = Reading(inputs).read(text)

    steps = ordered([made])
    with np.errstate(all="ignore"):
        held = {id(n): np.asarray(value) for n, value in zip(steps, evaluate(steps, np, arrays | {"y": CLASSES}), strict=True)}
    if not all(distinct(n, held[id(n)], [held[id(a)] for a in n.args]) for n in steps):
        return False

    weights = np.cos(np.arange(1.0, made.size + 1)).reshape(made.shape)
    number = apply("sum", made * weights)
    xs, directions = [inputs[name] for name in SHAPES], [function.given(f"d{name}", shape) for name, shape in SHAPES.items()]
    data = arrays | {f"d{name}": a for name, a in along.items()} | {"y": CLASSES}
    got = evaluate([made, *grad(number, xs), *hvp(number, xs, directions)], np, data)

    slopes = jax.grad(lambda point: (theirs(point) * weights).sum())
    first, second = jax.jvp(slopes, (arrays,), (along,))
    want = [theirs(arrays), *(first[name] for name in SHAPES), *(second[name] for name in SHAPES)]
    largest = max(float(np.abs(a).max()) for a in want)
    if not largest < LARGEST**2:
        return False
    for ours, exact in zip(got, want, strict=True):
        np.testing.assert_allclose(
            np.broadcast_to(ours, exact.shape), exact, rtol=1e-8, atol=1e-8 * np.abs(exact).max() + 1e-12 * largest, err_msg=text
        )
    return True


@pytest.mark.parametrize("shape", SMALLER, ids=str)
def test_random_formulas_agree_with_jax(shape):
    @settings(max_examples=70, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(formulas(shape, 4, {}), st.integers(0, 2**32 - 1))
    def agree(term, seed):
        assume(check(*term, seed))
        agreed.append(term[0])

    agreed: list[str] = []
    agree()
    assert len(agreed) >= 60


RULES = [
    *((shape, template, (shape,), f) for template, f in UNARY.items() for shape in (ROW, NUMBER)),
    *((shape, template, (shape, other), f) for template, f in BINARY.items() for shape, other in ((MATRIX, ROW), (NUMBER, NUMBER))),
    *OTHERS,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule[1]} {rule[2]}")
def test_what_random_formulas_are_made_of_agrees_with_jax(rule):
    _, template, shapes, f = rule
    if not there_is(template):
        pytest.skip("there is no such function")
    names = {shape: iter([*(name for name, each in SHAPES.items() if each == shape)] * 2) for shape in SMALLER}
    leaves = [(next(names[shape]), shape) for shape in shapes]
    parts: list[Term] = [(f"(0.9*{name})", lambda arrays, name=name: 0.9 * arrays[name]) for name, _ in leaves]
    assert any(check(*called(template, parts, f), seed) for seed in range(5))
