"""The cases in JAX, a run each: the functions make (run, arguments), where run(*arguments of one run) -> its final loss and the arguments have an axis
of runs in front. peers_jax.py and peers_jax_best.py make many runs of them."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

Runs = tuple[Any, tuple[Any, ...]]


def river(study: dict[str, Any], impl: str, unroll: int, ahead: bool = True) -> Runs:
    """Case a. `ahead`: the keys of all steps are split off before the first; else each is folded out of the run's when its step comes,
    which needs no memory for runs x steps keys."""
    dtype, optimizer = _precision(study), optax.adam(0.01)

    def loss(z):
        return 10.0 * (z[1] - jnp.sin(z[0])) ** 2 - 0.05 * z[0]

    def one(key):
        z = jnp.zeros(2, dtype)

        def step(carry, k):
            z, state = carry
            k = k if ahead else jax.random.fold_in(key, k)
            g = jax.grad(loss)(z) + dtype(0.5) * jax.random.normal(k, (2,), dtype)
            update, state = optimizer.update(g, state)
            return (optax.apply_updates(z, update), state), None

        each = jax.random.split(key, study["steps"]) if ahead else jnp.arange(study["steps"])
        (z, _), _ = jax.lax.scan(step, (z, optimizer.init(z)), each, unroll=unroll)
        return loss(z)

    keys = jax.random.split(jax.random.key(0, impl=impl), study["seeds"])
    return one, (keys,)


def rastrigin(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Case b; the starts are ours."""
    dtype, optimizer = _precision(study), optax.sgd(1e-3, momentum=0.9)

    def loss(z):
        return jnp.sum(z * z + 10.0 * (1 - jnp.cos(2 * jnp.pi * z)))

    def one(z):
        def step(carry, _):
            z, state = carry
            update, state = optimizer.update(jax.grad(loss)(z), state)
            return (optax.apply_updates(z, update), state), None

        (z, _), _ = jax.lax.scan(step, (z, optimizer.init(z)), None, length=study["steps"], unroll=unroll)
        return loss(z)

    return one, (jnp.asarray(study["start"], dtype),)


def rosenbrock(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Case c: vmap over the hyperparameters."""
    dtype = _precision(study)

    def loss(z):
        return jnp.sum(100.0 * (z[1:] - z[:-1] ** 2) ** 2 + (1.0 - z[:-1]) ** 2)

    def one(lr, beta1, beta2):
        optimizer = optax.adam(lr, beta1, beta2)
        z = -jnp.ones(10, dtype)

        def step(carry, _):
            z, state = carry
            update, state = optimizer.update(jax.grad(loss)(z), state)
            return (optax.apply_updates(z, update), state), None

        (z, _), _ = jax.lax.scan(step, (z, optimizer.init(z)), None, length=study["steps"], unroll=unroll)
        return loss(z)

    return one, tuple(jnp.asarray(h, dtype) for h in study["grid"])


def muon(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Case i; the starts are ours."""
    dtype, optimizer, rows = _precision(study), optax.contrib.muon(0.02), study["landscape"]["rows"]
    spectrum = jnp.exp(-jnp.log(10.0) * jnp.arange(rows) / (rows - 1)).astype(dtype)

    def loss(w):
        return 0.5 * jnp.sum(spectrum[:, None] * spectrum[None, :] * w * w)

    def one(w):
        def step(carry, _):
            w, state = carry
            update, state = optimizer.update(jax.grad(loss)(w), state, w)
            return (optax.apply_updates(w, update), state), None

        (w, _), _ = jax.lax.scan(step, (w, optimizer.init(w)), None, length=study["steps"], unroll=unroll)
        return loss(w)

    return one, (jnp.asarray(study["start"], dtype).reshape(-1, rows, rows),)


def tensor(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Case j: the contraction written out, which is faster than its automatic derivative."""
    dtype, d, n = _precision(study), study["landscape"]["dim"], study["landscape"]["samples"]
    fields = study["optimizers"][0]
    z = np.random.default_rng(0).standard_normal((study["seeds"], d, d, d), dtype=np.float32)
    z = sum(np.transpose(z, (0, *(1 + a for a in p))) for p in itertools.permutations(range(3))) / 6 / np.sqrt(n)
    z[:, 0, 0, 0] += 1

    def contracted(s, x):
        return jnp.einsum("jk,j->k", jnp.einsum("ijk,i->jk", s, x), x)

    def one(s, key):
        start, key = jax.random.split(key)
        x = jax.random.normal(start, (d,), dtype)

        def step(x, k):
            move = dtype(fields["lr"] ** 0.5) * jax.random.normal(k, (d,), dtype)
            move = move + fields["lr"] * fields["inverse_temperature"] * 3 * contracted(s, x)
            y = x + move - x * jnp.sum(x * move)
            return y / jnp.linalg.norm(y), None

        x, _ = jax.lax.scan(step, x / jnp.linalg.norm(x), jax.random.split(key, study["steps"]), unroll=unroll)
        return -jnp.sum(contracted(s, x) * x)

    keys = jax.random.split(jax.random.key(0, impl=impl), study["seeds"])
    return one, (
        jnp.asarray(z, dtype),
        keys,
    )


def network(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Cases n: minibatches with replacement. Data, starts and learning rates are ours, here and in the cases below."""
    return over_seeds_and_rates(study, impl, descent(study, network_loss(study), unroll))


def network_loss(study: dict[str, Any]) -> Any:
    """(variables, nothing, rows of a minibatch or None for all) -> cross-entropy of a tanh network."""
    x, y = (jnp.asarray(a) for a in study["samples"])

    def loss(w, own, rows):
        z, c = (x, y) if rows is None else (x[rows], y[rows])
        z = jnp.tanh(z @ w["W1"] + w["b1"]) @ w["W2"] + w["b2"]
        return optax.softmax_cross_entropy_with_integer_labels(z, c).mean()

    return loss


def softmax(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Case o."""
    x, y = (jnp.asarray(a) for a in study["samples"])

    def loss(w, own, rows):
        return optax.softmax_cross_entropy_with_integer_labels(x @ w["W"] + w["b"], y).mean()

    return over_seeds_and_rates(study, impl, descent(study, loss, unroll))


def factors(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Case p."""
    rows, cols, rank = (study["landscape"][name] for name in ("rows", "cols", "rank"))
    wanted = jnp.zeros((rows, cols)).at[jnp.arange(rank), jnp.arange(rank)].set(10.0 ** (-jnp.arange(rank) / (rank - 1)))

    def loss(w, own, rows):
        return 0.5 * jnp.sum((w["U"] @ w["V"].T - wanted) ** 2)

    return over_seeds_and_rates(study, impl, descent(study, loss, unroll))


def attention(study: dict[str, Any], impl: str, unroll: int) -> Runs:
    """Case q: every seed has tokens of its own."""
    places, width = (study["landscape"]["sizes"][name] for name in ("places", "w"))

    def loss(w, tokens, rows):
        place = jnp.broadcast_to(jnp.eye(places, dtype=tokens.dtype), (*tokens.shape[:2], places))
        given = jnp.concatenate([tokens, place], axis=2)
        look = jax.nn.softmax((given @ w["Q"]) @ jnp.swapaxes(given @ w["K"], 1, 2) / jnp.sqrt(width), axis=2)
        return jnp.mean((look @ (tokens @ w["V"]) - jnp.roll(tokens, 1, axis=1)) ** 2)

    return over_seeds_and_rates(study, impl, descent(study, loss, unroll))


def descent(study: dict[str, Any], loss: Any, unroll: int) -> Any:
    """A function (start, the seed's own arrays, key, lr) -> final loss: all steps of one run of Adam."""
    _precision(study)
    batch = study["noise"]["size"] if isinstance(study.get("noise"), dict) else 0
    samples = len(study["samples"][0]) if batch else 0

    def one(start, own, key, lr):
        w, optimizer, first = {}, optax.adam(lr), 0
        for name, shape in study["blocks"].items():
            w[name] = start[first : first + math.prod(shape)].reshape(shape)
            first += math.prod(shape)

        def step(carry, k):
            w, state = carry
            rows = jax.random.randint(k, (batch,), 0, samples) if batch else None
            update, state = optimizer.update(jax.grad(loss)(w, own, rows), state)
            return (optax.apply_updates(w, update), state), None

        keys = jax.random.split(key, study["steps"]) if batch else None
        (w, _), _ = jax.lax.scan(step, (w, optimizer.init(w)), keys, length=study["steps"], unroll=unroll)
        return loss(w, own, None)

    return one


def over_seeds_and_rates(study: dict[str, Any], impl: str, one: Any) -> Runs:
    """The runs of all learning rates and seeds, seeds inside; own arrays where there are tokens."""
    starts, keys, rates = jnp.asarray(study["start"]), jax.random.split(jax.random.key(0, impl=impl), study["seeds"]), study["rates"]
    many, each = len(rates), len(starts)
    every = (jnp.tile(starts, (many, 1)), jnp.tile(keys, many), jnp.repeat(jnp.asarray(rates), each))
    if "tokens" not in study:
        return lambda start, key, lr: one(start, None, key, lr), every
    return lambda start, key, lr, own: one(start, own, key, lr), (*every, jnp.tile(jnp.asarray(study["tokens"]), (many, 1, 1, 1)))


def _precision(study: dict[str, Any]) -> Any:
    jax.config.update("jax_enable_x64", study["precision"] == "float64")
    return jnp.float64 if study["precision"] == "float64" else jnp.float32
