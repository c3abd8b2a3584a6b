"""The gallery's studies over tensors beside JAX: python -m benchmarks.gallery [NAME ...]

JAX has the study's own formula and rule: the programs are evaluated with jax.numpy, JAX derives the gradient, and jit(vmap(scan)) runs all steps of all
runs. So nobody has to write the studies a second time. What is recorded, and diagnostics, are left out on both sides; both give the last loss. Left out are studies
whose noise or rule JAX would have to be taught: new samples, particles, orders of samples, formulas of the step.
"""

import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from thalweg.specs.errors import SpecError

from . import ours
from .cases import LAST

ROUNDS = 5
SECONDS = 4.0
"""Of JAX in a round at most: longer studies take fewer steps."""


CANNOT = (SpecError, TypeError, ValueError, AttributeError, NotImplementedError, jax.errors.JAXTypeError)
"""What says that JAX cannot run a study, or that it needs the store of another."""


class Names:
    """jax.numpy under the names by which programs know an array namespace."""

    __name__ = "jax.numpy"

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


def newton_schulz(xp: Any, made: Any, a: Any, eps: Any) -> Any:
    """As optax has it: the test whether a norm overflows, by which arrays save time, is none that JAX can trace."""
    (p, q, r), tall = made.option("coefficients"), a.shape[-2] > a.shape[-1]
    x = a.T if tall else a
    size = jnp.linalg.norm(x)
    x = x / (jnp.maximum(size, eps) if made.option("clamp") else size + eps)
    for _ in range(made.option("steps")):
        gram = x @ x.T
        x = p * x + (q * gram + r * gram @ gram) @ x
    return x.T if tall else x


def renewed_eigenvectors(xp: Any, made: Any, a: Any, old: Any, when: Any) -> Any:
    """The decomposition only in the steps that need it, which all runs have in common."""
    return jax.lax.cond(when, lambda: jnp.linalg.eigh(a, symmetrize_input=False)[1], lambda: old)


OWN_WAY = {"newton_schulz": newton_schulz, "renewed_eigenvectors": renewed_eigenvectors}
"""Functions that look at numbers before they compute, as JAX's users write them."""


def evaluated(nodes: Any, inputs: dict[str, Any]) -> list[Any]:
    """The nodes' values for these inputs of one run."""
    from thalweg.specs.program.arrays import Evaluation
    from thalweg.specs.program.node import ordered

    xp, values, order = Names(), {}, ordered(nodes)
    if not any(n.function.name in OWN_WAY for n in order):
        return Evaluation(list(nodes))(xp, inputs)
    for n in order:
        match n.function.name:
            case "input":
                values[n] = inputs[n.option("name")]
            case "number":
                values[n] = n.number
            case "array":
                values[n] = jnp.asarray(n.option("entries").array)
            case name:
                values[n] = OWN_WAY.get(name, n.function.value)(xp, n, *(values[a] for a in n.args))
    return [values[n] for n in nodes]


def theirs(shard: Any, steps: int) -> Any:
    """() -> the last losses of a shard's runs in JAX, compiled. Raises LookupError for what is left out."""
    from thalweg.engine.executors.array.simulation import Simulation
    from thalweg.optimizers._rule import traced
    from thalweg.specs.noise import Gaussian, Minibatch, NoNoise
    from thalweg.specs.sweep import resolved

    parts = shard.resolved.parts()
    land, noise, optimizer = parts.landscape, parts.noise, parts.optimizer
    if not isinstance(noise, (NoNoise, Gaussian, Minibatch)) or getattr(noise, "sampling", "replacement") != "replacement":
        raise LookupError(f"noise {noise.kind}")
    if not optimizer.sees_gradients or optimizer.clip or optimizer.average or optimizer.formulas() or land.takes_step:
        raise LookupError("what JAX would have to be taught")
    base = Simulation(shard.resolved)
    rows = int(resolved(noise.size)) if isinstance(noise, Minibatch) else None
    whole, some = land.program(None), land.program(rows)
    rule = traced(optimizer.with_sizes(land.named_sizes), land.blocks, shard.group.study.precision, land.places)
    dtype = np.dtype(shard.group.study.precision)
    data = {name: jnp.asarray(a) for name, a in land._data_arrays(np.zeros(1, dtype), np).items()} if land.dataset is not None else {}
    sampled = set(land._of_samples["n"])
    factors = jnp.asarray(base.factors(0, steps).astype(dtype))
    one_factor = factors.shape[0] == 1
    constants = {name: jnp.asarray(a) for name, a in base.constants.items()}

    def blocks(x: Any) -> dict[str, Any]:
        return {name: x[s].reshape(land.blocks[name]) for name, s in land.block_slices.items()}

    def loss(program: Any, x: Any, given: dict[str, Any]) -> Any:
        return evaluated([program.loss], blocks(x) | given)[0]

    def one(x: Any, states: Any, own: dict[str, Any], hyper: dict[str, Any], scale: Any, at: Any, key: Any) -> Any:
        given = data | own

        def step(carry: Any, turn: Any) -> Any:
            x, states = carry
            t, key = turn
            mine = given
            if rows is not None:
                picked = jax.random.randint(key, (rows,), 0, land.batch_count())
                mine = given | {name: given[name][picked] for name in sampled if name in given}
            g = jax.grad(lambda x: loss(some, x, mine))(x)
            if isinstance(noise, Gaussian):
                g = g + scale * jax.random.normal(key, x.shape, dtype)
            factor = factors[0 if one_factor else at, t - 1]
            new, states_new = [], []
            for part, held in zip(rule.parts, states, strict=True):
                where, shape = part.part.where, part.part.shape
                named = {"x": x[where].reshape(shape), "g": g[where].reshape(shape), "t": t.astype(dtype), **constants}
                named["xi"] = jax.random.normal(jax.random.fold_in(key, 1), shape, dtype) if "xi" in part.inputs else None
                named |= {name: hyper[".".join(path)] for name, path in part.part.numbers.items()}
                if "lr" in part.inputs:
                    named["lr"] = hyper[".".join((*part.part.owner, "lr"))] * factor
                named |= dict(zip(part.states, held, strict=True))
                made = evaluated(part.outputs, {name: named[name] for name in part.inputs})
                new.append(made[0].reshape(-1))
                states_new.append(tuple(made[1:]))
            return (jnp.concatenate(new), tuple(states_new)), None

        turns = (jnp.arange(1, steps + 1), jax.random.split(key, steps))
        (x, _), _ = jax.lax.scan(step, (x, states), turns)
        return loss(whole, x, given)

    x0 = np.broadcast_to(base.start(), (base.points, len(base.seeds), land.size)).astype(dtype)
    runs = base.points * len(base.seeds)
    point, seed = np.divmod(np.arange(runs), len(base.seeds))
    states = tuple(
        tuple(np.zeros((runs, *part.inputs[name].shape), dtype) + starting(part.part.optimizer, name) for name in part.states)
        for part in rule.parts
    )

    def of_runs(a: Any) -> Any:
        a = np.asarray(a)
        a = a[np.minimum(point, a.shape[0] - 1)] if a.ndim and a.shape[0] > 1 else np.repeat(a, runs, axis=0)
        return a

    own = {}
    for name, a in base.p.items():
        a = np.asarray(a)
        wide = np.broadcast_to(a, (max(1, a.shape[0]), len(base.seeds), *a.shape[2:]))
        own[name] = wide[np.minimum(point, wide.shape[0] - 1), seed]
    hyper = {".".join(path): of_runs(np.asarray(a, dtype)).reshape(runs) for path, a in base.optimizer_p.items()}
    scale = of_runs(np.asarray(base.noise_p.get("scale", np.zeros((1, 1, 1))), dtype)).reshape(runs)
    arguments = (x0.reshape(runs, -1), states, own, hyper, scale, point, jax.random.split(jax.random.key(0), runs))
    arguments = jax.tree.map(jnp.asarray, arguments)
    run = jax.jit(jax.vmap(one))
    return lambda: np.asarray(run(*arguments))


def starting(optimizer: Any, name: str) -> float:
    return float(getattr(optimizer, "initial", {}).get(name, 0.0)) if isinstance(getattr(optimizer, "initial", {}), dict) else 0.0


def compare(file: Path) -> None:
    """A line for each group of a study."""
    from thalweg.engine import check
    from thalweg.engine.executors.layouts import over_tensors

    plan = check(str(file))
    for group in getattr(plan, "groups", ()):
        if over_tensors(group):
            name = f"{file.stem} {group.name}"
            try:
                print(f"{name}: {compared(group)}", flush=True)
            except LookupError as why:
                print(f"{name}: left out, {why}", flush=True)
            except CANNOT as why:
                print(f"{name}: left out, {type(why).__name__}: {str(why).splitlines()[0][:120]}", flush=True)


def compared(group: Any) -> str:
    """Both rates, and how far the losses are apart. Studies that take long take fewer steps."""
    from thalweg.engine import check
    from thalweg.engine.executors.choose import why_not_compiled

    own = {"optimizers": [group.optimizer.model_dump(mode="json")], "claims": [], "probes": [], "quick": None}
    study = {key: value for key, value in {**group.study.model_dump(mode="json"), **LAST, **own}.items() if value is not None}
    (mine,) = check(study).groups
    calls, first = [theirs(shard, mine.study.steps) for shard in mine.shards()], time.perf_counter()
    finals = np.concatenate([call().reshape(-1) for call in calls])
    first = time.perf_counter() - first
    took, finals = timed(lambda: np.concatenate([call().reshape(-1) for call in calls]))
    if took > SECONDS:
        study["steps"] = max(1, int(mine.study.steps * SECONDS / took))
        (mine,) = check(study).groups
        calls = [theirs(shard, mine.study.steps) for shard in mine.shards()]
        finals = np.concatenate([call().reshape(-1) for call in calls])
    kind = "array" if why_not_compiled(mine) else "fused"
    run = ours.contestant(study, kind)
    losses = run()
    rounds = [(timed(run)[0], timed(lambda: [call() for call in calls])[0]) for _ in range(ROUNDS)]
    here, there = np.median(np.array(rounds), axis=0)
    apart = np.abs(np.sort(losses) - np.sort(finals)) / (np.abs(np.sort(finals)) + 1e-12)
    size = f"{len(losses)} runs x {mine.study.steps} steps, {kind}"
    return f"{size}: {here:.4f} s, JAX {there:.4f} s ({first:.1f} s the first time), {there / here:.1f}x; losses {np.nanmedian(apart):.1e} apart"


def timed(call: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    made = call()
    return time.perf_counter() - began, made


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for path in sorted((Path(__file__).parent.parent / "specs" / "studies").rglob("*.yaml")):
        if len(sys.argv) < 2 or path.stem in sys.argv[1:]:
            compare(path)
