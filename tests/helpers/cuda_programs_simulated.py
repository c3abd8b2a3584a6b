"""Studies over tensors through the CUDA executor in Numba's simulator, each against the processor; prints {case: what is wrong or ""} of the part of
them whose number it is given, as JSON. Run by test_cuda_programs.py with `-m` as a process of its own."""

import contextlib
import sys
import tempfile
from pathlib import Path

import numpy as np
from thalweg.engine.executors.choose import array_simulation
from thalweg.engine.executors.codegen.disk_cache import load
from thalweg.engine.executors.codegen.refusal import NotFusable
from thalweg.engine.executors.cuda import block_source, programs_source
from thalweg.engine.executors.cuda import programs as cuda
from thalweg.engine.executors.cuda.programs import CudaPrograms
from thalweg.engine.executors.cuda.simulator import complete_simulator
from thalweg.engine.executors.tensors import places
from thalweg.engine.executors.tensors.expand import expanded
from thalweg.engine.executors.tensors.loops import Schedule
from thalweg.engine.executors.tensors.places import Place, row_major
from thalweg.engine.store import checkpoint
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad
from thalweg.specs.program.function import FUNCTIONS
from thalweg.specs.program.read import Reading
from thalweg.specs.status import Status

from .battery import FLOATS, inputs, numbers, scalar
from .compiled import GUARD, Memory
from .cuda_simulated import differs, settings
from .simulated import answer
from .studies import collected, example, shards
from .tensor_formulas import DRAWN, STREAM

NETWORK = {
    "kind": "expression",
    "data": {"builtin": "blobs", "test_fraction": 0.2},
    "sizes": {"h": 3},
    "variables": {"W1": ["p", "h"], "b1": ["h"], "W2": ["h", "classes"], "b2": ["classes"]},
    "define": {"net(x)": "tanh(x @ W1 + b1) @ W2 + b2"},
    "value": "mean(cross_entropy(net(X), y))",
    "observables": {"accuracy": "mean(argmax(net(X), axis=1) == y)", "norm": "sum(W1**2)"},
}
SMALL = {**NETWORK, "observables": {"norm": "sum(W1**2)"}}
STEPPED = {**SMALL, "value": "mean(cross_entropy(net(X), y)) + t/steps*(sum(W1**2) + sum(W2**2))"}
LOOKUPS = {
    "kind": "expression",
    "data": {"builtin": "blobs"},
    "sizes": {"d": 2, "h": 3},
    "variables": {"E": ["classes", "d"], "W": ["p", "d"], "v": ["d", "h"]},
    "value": "mean((take(E, y) - X @ W)**2) + sum(cumsum(v, 0)**2) + sum(concat(v, 2*v)**2) + prod(1 + v)",
}
BATCHES = {"kind": "minibatch", "size": 7}
STUDY = {
    "name": "n",
    "landscape": SMALL,
    "noise": BATCHES,
    "optimizers": [{"kind": "adam", "lr": [0.003, 0.03]}],
    "seeds": 2,
    "steps": 6,
    "record": {"every": 2},
}
EVERYTHING = {"every": 2, "variables": ["loss", "params", "norm", "average_loss", "average_params"]}
OPTIONS = {
    "a network, minibatches, adam": {"landscape": NETWORK},
    "softmax regression, all samples, momentum": {
        "landscape": {"kind": "softmax_regression", "data": {"builtin": "blobs"}},
        "noise": "none",
        "optimizers": [{"kind": "sgd", "lr": 0.1, "momentum": [0.0, 0.9]}],
    },
    "matrix factorization, muon": {
        "landscape": example("matrix_factorization"),
        "noise": "none",
        "optimizers": [{"kind": "muon", "lr": [0.01, 0.03]}],
        "steps": 3,
    },
    "one sample": {"noise": {"kind": "minibatch", "size": 1}},
    "gaussian": {"landscape": DRAWN, "noise": {"kind": "gaussian", "scale": [0.01, 0.1]}},
    "student_t": {"noise": {"kind": "student_t", "scale": 0.01, "df": [2.5, 4.0]}},
    "reshuffled": {"noise": {**BATCHES, "sampling": "reshuffle"}},
    "drawn for every seed": {"landscape": DRAWN, "noise": "none"},
    "new samples": {"landscape": STREAM, "noise": {"kind": "online", "size": 5}},
    "the step in the formula": {"landscape": STEPPED},
    "lookups and running sums": {"landscape": LOOKUPS, "steps": 3},
    "a landscape swept": {"landscape": {**SMALL, "parameters": {"l2": [0.0, 0.1]}, "value": f"{SMALL['value']} + l2*sum(W1**2)"}},
    "loss alone": {"record": {"every": 1, "variables": ["loss"]}},
    "no loss": {"record": {"every": 3, "variables": ["norm", "params"]}},
    "some steps": {"record": {"at": [0, 1, 5, 6]}},
    "some diverge": {"optimizers": [{"kind": "sgd", "lr": [0.01, 1e3]}], "stop": {"diverge_above": 50.0}},
    "stop early": {"optimizers": [{"kind": "adam", "lr": [0.003, 0.2]}], "stop": {"loss_below": 0.9}},
}
OPTIMIZERS = {
    "clip by value": {"clip": {"kind": "value", "at": [0.02, 1.0]}},
    "clip by norm": {"clip": {"kind": "norm", "at": [0.05, 1.0]}},
    "ema": {"average": {"kind": "ema", "decay": [0.9, 0.99]}},
    "polyak": {"average": {"kind": "polyak"}},
    "tail, stop early": {"average": {"kind": "tail", "start": [0.25, 3]}},
    "wsd": {"schedule": {"kind": "wsd", "warmup": 0.1, "decay": [0.2, 0.5]}},
    "a rate of the step": {"lr": "0.1/sqrt(t)"},
    "numbers of its own": {"kind": "sgld", "temperature": [0.0, 1e-3]},
    "matrices and the rest": {"kind": "muon", "lr": 0.02, "rest": {"lr": [0.001, 0.01]}},
}
MANY = {"kind": "minibatch", "size": 10_000}
DIAGNOSTIC = {"every": 2, "variables": ["loss", "gradient_norm"]}
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def option(name, precision, against=("array",)):
    return differs({**STUDY, **OPTIONS[name], "precision": precision}, TOLERANCE[precision], against)


def optimizer(name, precision):
    spec = {**STUDY, "optimizers": [{**STUDY["optimizers"][0], **OPTIMIZERS[name]}], "precision": precision}
    if "average" in OPTIMIZERS[name]:
        spec |= {"record": EVERYTHING, "stop": {"loss_below": 0.9 if name.endswith("stop early") else None}}
    return differs(spec, TOLERANCE[precision])


def both_executors():
    return option("a network, minibatches, adam", "float64", ("array", "fused"))


def far_memory():
    """Nothing is in shared memory but a little, and a launch has room for one run."""
    with settings(programs_source, SHARED_BYTES=200), settings(cuda, FAR_BYTES=1):
        (shard,) = shards({**STUDY, "landscape": NETWORK})
        assert {"gradient arena", "looks arena"} <= set(CudaPrograms(shard).memory.far)
        return option("a network, minibatches, adam", "float64")


def large_arrays():
    """Arrays of more than a few numbers are not in shared memory."""
    with settings(block_source, LARGE=8):
        block_source.target.cache_clear()
        (shard,) = shards({**STUDY, "landscape": NETWORK})
        assert CudaPrograms(shard).programs.gradient.far > 0
        made = option("a network, minibatches, adam", "float64")
    block_source.target.cache_clear()
    return made


def threads():
    """A block of one warp, one with many warps, and threads beyond all entries."""
    made = ""
    for warp, count in ((4, 4), (1, 3), (2, 16)):
        with settings(cuda, WARP=warp, THREADS=(count,)):
            made += optimizer("clip by norm", "float64")
    return made


def launches():
    """Bits do not depend on where launches are cut, nor on other seeds."""
    spec = {**STUDY, "precision": "float32", "noise": {"kind": "gaussian", "scale": 0.1}, "record": {"every": 1}, "seeds": 3}
    (shard,), (fewer,) = shards(spec), shards({**spec, "seeds": 1})
    expected, _ = collected(CudaPrograms(shard))
    with settings(cuda, LAUNCH_SECONDS=0.0):
        found, _ = collected(CudaPrograms(shard))
    less, _ = collected(CudaPrograms(fewer))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        np.testing.assert_array_equal(less[name], values[:, :1])
    return ""


def checkpoints():
    """A shard goes on from the middle of a block of records, with the same bits."""
    spec = {**STUDY, "precision": "float32", "record": {"every": 1}}
    with tempfile.TemporaryDirectory() as folder, settings(checkpoint, EVERY=0.0), settings(cuda, LAUNCH_SECONDS=0.0):
        (shard,) = shards(spec)
        expected, ended = collected(CudaPrograms(shard))
        kept, left, resumed = checkpoint.Checkpoint(Path(folder) / "c", "key"), [], []

        def interrupt(steps):
            left.append(steps)
            if len(left) == 3:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            list(CudaPrograms(shard).run(interrupt, kept))
        *blocks, end = CudaPrograms(shard).run(resumed.append, kept)
        assert sum(resumed) < STUDY["steps"]
        np.testing.assert_array_equal(end.last_step, ended.last_step)
        for name, values in expected.items():
            np.testing.assert_array_equal(np.concatenate([b.data[name] for b in blocks], axis=2), values)
    return ""


def ends():
    """Both ways to end are there."""
    for name, status in (("some diverge", Status.DIVERGED), ("stop early", Status.STOPPED)):
        (shard,) = shards({**STUDY, **OPTIONS[name]})
        _, end = collected(CudaPrograms(shard))
        assert (end.status == status).any()
    return ""


def whole_states():
    """The same at the same steps, between blocks of records."""
    spec = {**STUDY, "record": {"every": 3, "state": [0, 2, 6]}, "optimizers": [{"kind": "adam", "lr": 0.01, "average": "polyak"}]}
    (shard,) = shards(spec)
    found, expected = (
        [b for b in made.run() if "state" in getattr(b, "data", {})] for made in (CudaPrograms(shard), array_simulation(shard))
    )
    assert [(b.start, b.stop) for b in found] == [(b.start, b.stop) for b in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.data["state"], other.data["state"], rtol=1e-10, atol=1e-12)
    return ""


EXAMPLES = [(kind, text) for kind in FUNCTIONS.kinds() for text in FUNCTIONS.load(kind).examples]


def functions(part):
    """Every function that has a form, with its gradient, is what arrays say."""
    known, values, nodes = inputs(), numbers(), []
    for kind, text in EXAMPLES[part::3]:
        value = Reading(known).read(text)
        by = [name for name in FLOATS if name in text]
        some = [
            value,
            *(grad(scalar(value), [known[name] for name in by]) if value.kind == "float" and by and kind != "newton_schulz" else []),
        ]
        with contextlib.suppress(NotFusable):
            written(some, values)
            nodes += [(text, n) for n in some]
    assert len(nodes) > 50
    found, expected = called([n for _, n in nodes], values), evaluate([n for _, n in nodes], np, values)
    for (text, n), one, other in zip(nodes, found, expected, strict=True):
        other = np.broadcast_to(np.asarray(other, dtype=float), n.shape)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(other).max(initial=0.0)), err_msg=text)
    return ""


def written(outputs, values):
    """The program of these outputs for a block, its arrays, and where the outputs go. Raises NotFusable."""
    simpler, targets, size = expanded(outputs, "float64"), [], 0
    memory = Memory(simpler, values, "float64")
    for n in outputs:
        targets.append(Place("out", size, row_major(n.shape)))
        size += places.numbers(n.shape)
    wanted = {id(n): place for n, place in zip(simpler, targets, strict=True) if n.function.name != "input"}
    schedule, ends = Schedule(simpler, memory.places, 1, wanted), list(zip(simpler, targets, strict=True))
    made = block_source.block_source(schedule, "float64", 1, "compute", {}, ends, threads=cuda.THREADS[-1], warp=cuda.WARP)
    room = {name: np.full(n + GUARD, np.nan) for name, n in (("arena", made.arena), ("out", size))}
    return made, {**room, "x": memory.whole("x"), "shared": memory.whole("shared"), "scratch": np.empty(16)}, targets


def called(outputs, values):
    """The values of these outputs, from a block of threads."""
    made, arrays, targets = written(outputs, values)
    call = ", ".join(f"pointer_to({name})" if name in arrays else "0" for name in block_source.COMPUTE)
    text = programs_source.module({"value": made.text}, "float64", cuda.THREADS[-1], cuda.WARP)
    complete_simulator()
    kernel = load(f"{text}\n\n@cuda.jit\ndef drive({', '.join(arrays)}):\n    value({call})\n").drive
    kernel[1, cuda.THREADS[-1]](*arrays.values())
    sizes = [places.numbers(n.shape) for n in outputs]
    assert np.isnan(arrays["out"][sum(sizes) :]).all()
    assert np.isnan(arrays["arena"][made.arena :]).all()
    return [arrays["out"][p.offset : p.offset + size].reshape(n.shape) for n, p, size in zip(outputs, targets, sizes, strict=True)]


def no_races(*names):
    """Nobody reads or writes what another thread writes before all have waited for each other. The simulator's threads take turns of their own,
    and would seldom show it."""
    from .races import watched

    with watched() as (seen, races), settings(cuda, WARP=1):
        for name in names:
            case, *given = CASES[name]
            case(*given)
    assert len(seen) > 100
    assert not races, f"{len(races)} races, the first: {races[0]}"
    return ""


def no_kernel():
    """What has no form for the device says why."""
    for wrong, reason in (
        ({"optimizers": [{"kind": "cbo", "particles": 4}]}, "particles"),
        ({"record": DIAGNOSTIC}, "is recorded"),
        ({"noise": MANY}, "rows"),
    ):
        (shard,) = shards({**STUDY, **wrong})
        assert reason in cuda.why_not(shard.group)
    return ""


RACES = {
    "functions": [f"functions, {part}" for part in range(3)],
    "options": [f"{name}, float64" for name in ("a network, minibatches, adam", "matrix factorization, muon", "new samples", "student_t")]
    + ["large_arrays"],
    "optimizers": [f"{name}, float64" for name in ("clip by norm", "tail, stop early", "numbers of its own", "matrices and the rest")],
}
CASES = {
    **{f"{name}, float64": (option, name, "float64") for name in OPTIONS},
    **{f"{name}, float64": (optimizer, name, "float64") for name in OPTIMIZERS},
    **{f"{name}, float32": (option, name, "float32") for name in ("gaussian", "student_t", "new samples")},
    **{f"{name}, float32": (optimizer, name, "float32") for name in ("numbers of its own", "clip by norm")},
    **{
        case.__name__: (case,)
        for case in (both_executors, far_memory, large_arrays, threads, launches, checkpoints, ends, whole_states, no_kernel)
    },
    **{f"functions, {part}": (functions, part) for part in range(3)},
    **{f"no_races, {part}": (no_races, *names) for part, names in RACES.items()},
}
QUICK = ("one sample, float64", "gaussian, float32", "stop early, float64")
"""Cases of `make test`; `make gpu-check` and `make verify` run all."""
PARTS = 2


def part_of(name):
    return 0 if name in QUICK else 1 + list(CASES).index(name) * PARTS // len(CASES)


def main():
    cuda.WARP, cuda.THREADS = 2, (4,)  # every thread is one of Python's
    answer({name: case for name, case in CASES.items() if sys.argv[1] in (str(part_of(name)), name)})


if __name__ == "__main__":
    main()
