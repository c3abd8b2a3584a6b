"""Value, gradient and Hessian-vector product of every function of the language against JAX, on the arrays of the battery."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.battery import FLOATS, SHAPES, inputs, numbers
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import FUNCTIONS, given
from thalweg.specs.program.node import apply
from thalweg.specs.program.read import Reading

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp, lax = jax.numpy, jax.lax

ROWS = {
    # arithmetic
    "x + v": lambda n: n.x + n.v,
    "x + s": lambda n: n.x + n.s,
    "x - v": lambda n: n.x - n.v,
    "1 - x": lambda n: 1 - n.x,
    "x * v": lambda n: n.x * n.v,
    "s * x": lambda n: n.s * n.x,
    "x / v": lambda n: n.x / n.v,
    "1 / x": lambda n: 1 / n.x,
    "-x": lambda n: -n.x,
    "x**2": lambda n: n.x**2,
    "x**3": lambda n: n.x**3,
    "abs(x)**1.5": lambda n: jnp.abs(n.x) ** 1.5,
    "abs(x)**v": lambda n: jnp.abs(n.x) ** n.v,
    "square(x)": lambda n: jnp.square(n.x),
    # comparisons and truth values
    "x == v": lambda n: n.x == n.v,
    "y == 1": lambda n: n.y == 1,
    "x != v": lambda n: n.x != n.v,
    "x < v": lambda n: n.x < n.v,
    "x > 0": lambda n: n.x > 0,
    "x <= v": lambda n: n.x <= n.v,
    "logical_and(c, x > v)": lambda n: jnp.logical_and(n.c, n.x > n.v),
    "x > 0 and z > 0": lambda n: (n.x > 0) & (n.z > 0),
    "logical_or(c, x > v)": lambda n: jnp.logical_or(n.c, n.x > n.v),
    "x > 1 or z > 0": lambda n: (n.x > 1) | (n.z > 0),
    "logical_not(c)": lambda n: jnp.logical_not(n.c),
    "not x > 0": lambda n: ~(n.x > 0),
    "isfinite(x)": lambda n: jnp.isfinite(n.x),
    "isfinite(k)": lambda n: jnp.isfinite(n.k),
    "any(x > 1)": lambda n: jnp.any(n.x > 1),
    "any(c, axis=1)": lambda n: jnp.any(n.c, axis=1),
    "any(c, axis=0, keepdims=True)": lambda n: jnp.any(n.c, axis=0, keepdims=True),
    "all(x > 1)": lambda n: jnp.all(n.x > 1),
    "all(c, axis=1)": lambda n: jnp.all(n.c, axis=1),
    "all(c, axis=0, keepdims=True)": lambda n: jnp.all(n.c, axis=0, keepdims=True),
    # elementary functions
    "abs(x)": lambda n: jnp.abs(n.x),
    "sign(x)": lambda n: jnp.sign(n.x),
    "floor(3*x)": lambda n: jnp.floor(3 * n.x),
    "sqrt(abs(x))": lambda n: jnp.sqrt(jnp.abs(n.x)),
    "exp(x)": lambda n: jnp.exp(n.x),
    "expm1(x)": lambda n: jnp.expm1(n.x),
    "log(abs(x))": lambda n: jnp.log(jnp.abs(n.x)),
    "log1p(abs(x))": lambda n: jnp.log1p(jnp.abs(n.x)),
    "sin(x)": lambda n: jnp.sin(n.x),
    "cos(x)": lambda n: jnp.cos(n.x),
    "tan(x / 2)": lambda n: jnp.tan(n.x / 2),
    "sinh(x)": lambda n: jnp.sinh(n.x),
    "cosh(x)": lambda n: jnp.cosh(n.x),
    "tanh(x)": lambda n: jnp.tanh(n.x),
    "arctan(x)": lambda n: jnp.arctan(n.x),
    "erf(x)": lambda n: jax.scipy.special.erf(n.x),
    "erf(3*x)": lambda n: jax.scipy.special.erf(3 * n.x),
    "erfc(x)": lambda n: jax.scipy.special.erfc(n.x),
    "erfc(3*x)": lambda n: jax.scipy.special.erfc(3 * n.x),
    # activations
    "sigmoid(x)": lambda n: jax.nn.sigmoid(n.x),
    "sigmoid(20*x)": lambda n: jax.nn.sigmoid(20 * n.x),
    "softplus(x)": lambda n: jax.nn.softplus(n.x),
    "softplus(20*x)": lambda n: jax.nn.softplus(20 * n.x),
    "logaddexp(x, z)": lambda n: jnp.logaddexp(n.x, n.z),
    "logaddexp(x, v)": lambda n: jnp.logaddexp(n.x, n.v),
    "logaddexp(x, 0)": lambda n: jnp.logaddexp(n.x, 0),
    "relu(x)": lambda n: jax.nn.relu(n.x),
    "relu(x @ A - 1)": lambda n: jax.nn.relu(n.x @ n.A - 1),
    "leaky_relu(x)": lambda n: jax.nn.leaky_relu(n.x),
    "leaky_relu(x, slope=0.2)": lambda n: jax.nn.leaky_relu(n.x, 0.2),
    "gelu(x)": lambda n: jax.nn.gelu(n.x, approximate=False),
    "silu(x)": lambda n: jax.nn.silu(n.x),
    "softmax(x)": lambda n: jax.nn.softmax(n.x),
    "softmax(20*x, axis=0)": lambda n: jax.nn.softmax(20 * n.x, axis=0),
    "softmax(x, axis=[0, 1])": lambda n: jax.nn.softmax(n.x, axis=(0, 1)),
    "log_softmax(x)": lambda n: jax.nn.log_softmax(n.x),
    "log_softmax(20*x, axis=0)": lambda n: jax.nn.log_softmax(20 * n.x, axis=0),
    # of two and three
    "maximum(x, z)": lambda n: jnp.maximum(n.x, n.z),
    "max(x, 0)": lambda n: jnp.maximum(n.x, 0),
    "minimum(x, z)": lambda n: jnp.minimum(n.x, n.z),
    "min(x, v)": lambda n: jnp.minimum(n.x, n.v),
    "clip(x, -1, 1)": lambda n: jnp.clip(n.x, -1, 1),
    "clip(x, v, 1.5)": lambda n: jnp.clip(n.x, n.v, 1.5),
    "clip(x, -s, s)": lambda n: jnp.clip(n.x, -n.s, n.s),
    "where(x > 0, x*z, v)": lambda n: jnp.where(n.x > 0, n.x * n.z, n.v),
    "where(c, x, 0)": lambda n: jnp.where(n.c, n.x, 0),
    # reductions
    "sum(x)": lambda n: jnp.sum(n.x),
    "sum(x*z, axis=0)": lambda n: jnp.sum(n.x * n.z, axis=0),
    "sum(x, [0, 1])": lambda n: jnp.sum(n.x, (0, 1)),
    "sum(x, axis=1, keepdims=True)": lambda n: jnp.sum(n.x, axis=1, keepdims=True),
    "sum(x * stop_gradient(z))": lambda n: jnp.sum(n.x * lax.stop_gradient(n.z)),
    "mean(x*x)": lambda n: jnp.mean(n.x * n.x),
    "mean(x, axis=0)": lambda n: jnp.mean(n.x, axis=0),
    "mean(x > 0)": lambda n: jnp.mean(n.x > 0, dtype=float),
    "var(x)": lambda n: jnp.var(n.x),
    "var(x, axis=0)": lambda n: jnp.var(n.x, axis=0),
    "var(x, axis=1, ddof=1)": lambda n: jnp.var(n.x, axis=1, ddof=1),
    "std(x)": lambda n: jnp.std(n.x),
    "std(x, axis=0)": lambda n: jnp.std(n.x, axis=0),
    "std(x, axis=1, ddof=1)": lambda n: jnp.std(n.x, axis=1, ddof=1),
    "max(x)": lambda n: jnp.max(n.x),
    "max(x, axis=1)": lambda n: jnp.max(n.x, axis=1),
    "min(x)": lambda n: jnp.min(n.x),
    "min(x, axis=1)": lambda n: jnp.min(n.x, axis=1),
    "prod(x)": lambda n: jnp.prod(n.x),
    "prod(x, axis=0)": lambda n: jnp.prod(n.x, axis=0),
    "prod(x, axis=1, keepdims=True)": lambda n: jnp.prod(n.x, axis=1, keepdims=True),
    "prod(x * (abs(x) > 0.5), axis=1)": lambda n: jnp.prod(n.x * (jnp.abs(n.x) > 0.5), axis=1),
    "norm(x)": lambda n: jnp.linalg.norm(n.x),
    "norm(x, axis=1)": lambda n: jnp.linalg.norm(n.x, axis=1),
    "norm(x, axis=0, keepdims=True)": lambda n: jnp.linalg.norm(n.x, axis=0, keepdims=True),
    "logsumexp(x)": lambda n: jax.scipy.special.logsumexp(n.x),
    "logsumexp(x, axis=1)": lambda n: jax.scipy.special.logsumexp(n.x, axis=1),
    "argmax(x)": lambda n: jnp.argmax(n.x),
    "argmax(x, axis=1)": lambda n: jnp.argmax(n.x, axis=1),
    "argmax(x, axis=0, keepdims=True)": lambda n: jnp.argmax(n.x, axis=0, keepdims=True),
    "argmax(k)": lambda n: jnp.argmax(n.k),
    "argmin(x)": lambda n: jnp.argmin(n.x),
    "argmin(x, axis=1)": lambda n: jnp.argmin(n.x, axis=1),
    "argmin(x, axis=0, keepdims=True)": lambda n: jnp.argmin(n.x, axis=0, keepdims=True),
    "argmin(k)": lambda n: jnp.argmin(n.k),
    # along an axis
    "cumsum(x, axis=0)": lambda n: jnp.cumsum(n.x, axis=0),
    "cumsum(x*z, axis=1)": lambda n: jnp.cumsum(n.x * n.z, axis=1),
    "cumsum(v)": lambda n: jnp.cumsum(n.v),
    "cumsum(x, axis=1, reverse=True)": lambda n: lax.cumsum(n.x, axis=1, reverse=True),
    "sort(x)": lambda n: jnp.sort(n.x),
    "sort(x, axis=0)": lambda n: jnp.sort(n.x, axis=0),
    "sort(k)": lambda n: jnp.sort(n.k),
    "pick(x*x, y)": lambda n: (n.x * n.x)[jnp.arange(3), n.y],
    # shapes and products
    "T(x)": lambda n: n.x.T,
    "x.T @ z": lambda n: n.x.T @ n.z,
    "broadcast(v, [3, 4])": lambda n: jnp.broadcast_to(n.v, (3, 4)),
    "reshape(x, [2, 6])": lambda n: jnp.reshape(n.x, (2, 6)),
    "reshape(x*x, [12])": lambda n: jnp.reshape(n.x * n.x, 12),
    "x @ A": lambda n: n.x @ n.A,
    "v @ A": lambda n: n.v @ n.A,
    "A @ v": lambda n: n.A @ n.v,
    "v @ w": lambda n: n.v @ n.w,
    "A @ B @ v": lambda n: n.A @ n.B @ n.v,
    # losses
    "cross_entropy(x, y)": lambda n: -jax.nn.log_softmax(n.x)[jnp.arange(3), n.y],
}
"""What each formula is in JAX, over the names of the battery."""


def directions():
    rng = np.random.default_rng(2)
    return {name: rng.normal(size=SHAPES[name]) for name in FLOATS}


def test_every_function_has_a_row():
    """Here, or in the files on algebra and on losses."""
    others = "".join((Path(__file__).parent / f"test_{name}_jax.py").read_text() for name in ("algebra", "losses"))
    kinds = [kind for kind in FUNCTIONS.kinds() if not any(text in ROWS for text in FUNCTIONS.load(kind).examples)]
    assert [kind for kind in kinds if f'"{kind}' not in others] == []


@pytest.mark.parametrize("text", ROWS)
def test_value_gradient_and_hessian_product_are_as_in_jax(text):
    data, along = numbers(), directions()
    known = inputs()
    made = Reading(known).read(text)
    weights = np.cos(np.arange(made.size)).reshape(made.shape)

    def theirs(floats):
        return ROWS[text](SimpleNamespace(**(data | floats)))

    def weighed(floats):
        return jnp.sum(weights * theirs(floats))

    floats = {name: jnp.asarray(data[name]) for name in FLOATS}
    wanted = np.asarray(theirs(floats))
    (value,) = evaluate([made], np, data)
    assert np.asarray(value).dtype.kind == wanted.dtype.kind
    np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-12)
    if made.kind != "float":
        return
    xs = [known[name] for name in FLOATS]
    y = apply("sum", made * weights)
    steps = [given(f"d{name}", SHAPES[name]) for name in FLOATS]
    outputs = evaluate([*grad(y, xs), *hvp(y, xs, steps)], np, data | {f"d{name}": d for name, d in along.items()})
    first, second = jax.jvp(jax.grad(weighed), (floats,), ({name: jnp.asarray(d) for name, d in along.items()},))
    for got, want in zip(outputs, [by[name] for by in (first, second) for name in FLOATS], strict=True):
        np.testing.assert_allclose(np.broadcast_to(got, want.shape), want, rtol=1e-10, atol=1e-12)
