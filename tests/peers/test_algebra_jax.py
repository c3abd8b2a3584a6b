"""Value, gradient and Hessian-vector product of every function of matrices and of structure against JAX, on the arrays of the battery."""

import numpy as np
import pytest
from helpers.battery import FLOATS, SHAPES, inputs, numbers, scalar
from thalweg.specs.functions.newton_schulz import MUON
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import FUNCTIONS, given
from thalweg.specs.program.read import Reading

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp, linalg = jax.numpy, jax.numpy.linalg


def axes(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def newton_schulz(A, eps=1e-7, steps=5, clamp=False):
    a, b, c = MUON
    if A.shape[-2] > A.shape[-1]:
        return newton_schulz(A.mT, eps, steps, clamp).mT
    size = linalg.norm(A, axis=(-2, -1), keepdims=True)
    x = A / (jnp.maximum(size, eps) if clamp else size + eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def of_svd(A, part="left"):
    left, values, right = linalg.svd(A, full_matrices=False)
    return {"left": left, "values": values, "right": right}[part]


THEIRS = {
    **{name: getattr(jnp, name) for name in ("einsum", "outer", "trace", "diag", "kron", "flip", "eye", "arange")},
    **{name: getattr(jnp, name) for name in ("zeros", "ones", "zeros_like", "ones_like", "exp", "sum", "reshape")},
    **{name: getattr(linalg, name) for name in ("inv", "solve", "cholesky", "eigvalsh", "svdvals", "matrix_power")},
    "T": lambda x: x.T,
    "zeros": lambda shape: jnp.zeros(tuple(shape)),
    "ones": lambda shape: jnp.ones(tuple(shape)),
    "logdet": lambda A: linalg.slogdet(A)[1],
    "svd": of_svd,
    "eigh": lambda A, part="vectors": linalg.eigh(A)[part == "vectors"],
    "qr": lambda A, part="q": linalg.qr(A)[part == "r"],
    "newton_schulz": newton_schulz,
    "renewed_eigenvectors": lambda A, old, when: jnp.where(when, linalg.eigh(A)[1], old),
    "expm": jax.scipy.linalg.expm,
    "take": lambda W, index: jnp.take(W, index, axis=0),
    "roll": lambda x, shift, axis=None: jnp.roll(x, shift, axes(axis)),
    "one_hot": lambda y, count: jax.nn.one_hot(y, count, dtype=jnp.float64),
    "concat": lambda *arrays, axis=0: jnp.concatenate(arrays, axis),
    "stack": lambda *arrays, axis=0: jnp.stack(arrays, axis),
}
"""What each name of a formula is in JAX."""
KINDS = (
    *("einsum", "outer", "trace", "diag", "kron", "inv", "solve", "logdet", "cholesky", "expm", "eigvalsh", "svdvals", "matrix_power"),
    *("svd", "eigh", "qr", "newton_schulz", "renewed_eigenvectors"),
    *("index", "flip", "roll", "take", "one_hot", "concat", "stack", "zeros", "ones", "zeros_like", "ones_like", "eye", "arange"),
)
MORE = (
    *("take(A*A, stack(y, y))", "A[y[1]] @ v", "x[1, 2]**3", "inv(A @ B + eye(4))"),
    *("logdet(inv(A) + diag(v*v))", "sum(svdvals(x @ A))", "trace(matrix_power(A/5, 4) @ B)", "expm(outer(v, w) - 2*A/7)"),
    *("sum(eigvalsh(x @ x.T + diag(x[:, 0]))**2)", "solve(cholesky(A), v*w)", 'einsum("ab,bc,cd,da->", A, B, A/9, B/9)'),
)
"""Compositions, and squares, so that second derivatives are not 0."""
EXAMPLES = [text for kind in KINDS for text in FUNCTIONS.load(kind).examples]


def close(got, wanted):
    """Within 1e-10 of the largest entry."""
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(
        np.broadcast_to(got, wanted.shape), wanted, rtol=1e-10, atol=1e-10 * max(1.0, np.max(np.abs(wanted), initial=0.0))
    )


@pytest.mark.parametrize("text", [*EXAMPLES, *MORE])
def test_value_gradient_and_hessian_product_are_as_in_jax(text):
    data, known, rng = numbers(), inputs(), np.random.default_rng(2)
    along = {name: rng.normal(size=SHAPES[name]) for name in FLOATS}
    code = compile(text, "formula", "eval")
    made = Reading(known).read(text)
    weights = np.cos(np.arange(1, made.size + 1)).reshape(made.shape)

    def theirs(floats):
        return jnp.asarray(eval(code, THEIRS, {name: jnp.asarray(a) for name, a in data.items()} | floats))

    (value,) = evaluate([made], np, data)
    wanted = theirs({})
    assert np.asarray(value).dtype == wanted.dtype
    close(value, wanted)
    if made.kind != "float":
        return
    xs, steps = [known[name] for name in FLOATS], [given(f"d{name}", SHAPES[name]) for name in FLOATS]
    y = scalar(made)
    outputs = evaluate([*grad(y, xs), *hvp(y, xs, steps)], np, data | {f"d{name}": d for name, d in along.items()})

    def weighed(floats):
        return jnp.sum(weights * theirs(floats)) if made.shape else theirs(floats)

    floats, tangents = ({name: jnp.asarray(arrays[name]) for name in FLOATS} for arrays in (data, along))
    first, second = jax.jvp(jax.grad(weighed), (floats,), (tangents,))
    for got, want in zip(outputs, [by[name] for by in (first, second) for name in FLOATS], strict=True):
        close(got, want)
