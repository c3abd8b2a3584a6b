"""The compiled executor for formulas over tensors: a run is a task of its own, all steps inside, and stays in the cache of a core."""

import itertools
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import numpy as np

from ....optimizers._matrix import MatrixOptimizer
from ....specs import formulas
from ....specs.clip import ClipNorm, ClipValue
from ....specs.landscapes._program import STEP
from ....specs.noise import Gaussian, Minibatch, Online, StudentT
from ....specs.status import Status
from ...plan import Group, Shard
from ...store.checkpoint import Checkpoint, flat, nested
from .. import philox
from ..array.matrices import BlockSimulation
from ..array.simulation import NOTHING, Begin, Simulation, Tick
from ..codegen.refusal import refusal
from ..outcome import Block, Outcome
from ..state import packed, unpacked
from ..tensors.aligned import aligned
from ..tensors.places import Place, whole_lines
from ..tensors.programs import Programs, programs, watched
from . import arguments
from . import program_arguments as given
from .compile_programs import compiled, modules
from .core_pool import kernel_pool
from .rates import NORMAL, SECONDS, note

STEP_SECONDS = 4e-7
"""Of a step of a run besides its programs."""
CALL_WORK = 6 * 10**7
"""Numbers of variables moved in one call of the driver, times the samples of a batch: progress and interrupts are served in between."""
PIECES = 16
"""Parts of a call's runs for each thread, which take the next one when they are ready: none waits for longer than a part takes."""
ROWS_BYTES = 2**24
"""Rows of minibatches that are made outside, and factors of the schedule, at a time."""


def why_not(group: Group) -> str | None:
    """Why this group cannot be compiled, or None."""
    return refusal(group, programs)


def programs_of(group: Group) -> Iterator[Programs]:
    """What the group's shards compile to. Raises NotFusable."""
    return map(programs, group.structures())


def processor_seconds(group: Group) -> float:
    """Seconds that a group's runs take one processor besides LAPACK, roughly and whatever is known of this machine: the choice of an executor hangs
    on it."""
    shard = next(group.shards()).resolved
    group, made = shard.group, programs(shard)
    lapack = step_operations(made, group, "lapack") * SECONDS[group.study.precision]
    return group.runs * group.study.steps * (step_seconds(made, group, shard.parts()) - lapack)


def step_operations(made: Programs, group: Group, which: str = "operations") -> float:
    """Operations of a run's step in its programs, or with "lapack" those of LAPACK."""
    often = len(group.steps) / max(1, group.study.steps)
    return getattr(made.gradient, which) + getattr(made.rule.compute, which) + getattr(made.looks, which) * often


def step_seconds(made: Programs, group: Group, parts: Any) -> float:
    """Seconds of a run's step, by the operations of its programs."""
    noise = parts.landscape.size * NORMAL[group.study.precision] * isinstance(parts.noise, (Gaussian, StudentT))
    return (step_operations(made, group) + noise) * SECONDS[group.study.precision] + STEP_SECONDS


class ProgramSimulation:
    """One shard, run by run; `run` is that of the array executor's Simulation."""

    def __init__(self, shard: Shard, threads: int = 1, pool: Executor | None = None, begin: Begin | None = None):
        self.shard, self.study, self.threads, self.pool = shard, shard.group.study, threads, pool
        self.base = (BlockSimulation if isinstance(shard.group.optimizer, MatrixOptimizer) else Simulation)(shard, begin=begin)
        self.parts, self.dtype = self.base.parts, np.dtype(self.study.precision)
        self.dim, self.points, self.seeds = self.base.dim, self.base.points, len(self.base.seeds)
        self.runs = self.points * self.seeds
        self.programs: Programs = self.lowered()
        self.lanes = self.programs.layout.lanes
        self.states = {int(t): k for k, t in enumerate(shard.group.state_steps)}

    def lowered(self) -> Programs:
        """The shard's programs."""
        return programs(self.shard)

    # what a forecast asks

    blocks, W = property(lambda self: self.runs), 1
    work = property(lambda self: self.dim)

    def modules(self) -> dict[str, str]:
        """The text of all that is compiled."""
        return modules(self.programs, self.study.precision)

    def modelled_rate(self) -> float:
        """Seconds of a run's step, where no run has measured them."""
        return step_seconds(self.programs, self.shard.group, self.parts)

    # what the driver takes

    @property
    def batch(self) -> int:
        """Rows of a minibatch; 0 where there is none."""
        noise: Any = self.parts.noise
        return int(noise.size) if isinstance(self.parts.noise, Minibatch) else 0

    @property
    def fresh(self) -> int:
        """Normal numbers that a step's new samples are made of."""
        noise: Any = self.parts.noise
        return int(noise.size) * self.parts.landscape.sample_size if isinstance(self.parts.noise, Online) else 0

    @property
    def rows_given(self) -> bool:
        """Whether rows are made outside of the driver, which only draws with replacement."""
        return isinstance(self.parts.noise, Minibatch) and getattr(self.parts.noise, "sampling", "replacement") != "replacement"

    def flags(self) -> given.Flags:
        """`flags` of the driver."""
        optimizer, names = self.parts.optimizer, self.shard.group.recorded
        return given.Flags(
            noise={Gaussian: arguments.GAUSSIAN, StudentT: arguments.STUDENT_T}.get(type(self.parts.noise), 0),
            clip={ClipValue: arguments.BY_VALUE, ClipNorm: arguments.BY_NORM}.get(type(optimizer.clip), 0),
            xi="xi" in self.base.optimizer.inputs(),
            batch=self.batch,
            given=self.rows_given,
            samples=self.parts.landscape.batch_count(),
            fresh=self.fresh,
            changes=self.parts.landscape.takes_step,
            average=optimizer.average is not None,
            stops=self.study.stop.loss_below is not None,
            keep_loss="loss" in names,
            keep_params="params" in names,
            keep_average_loss="average_loss" in names,
            keep_average="average_params" in names,
        )

    def limits(self) -> given.Limits:
        """`limits` of the driver."""
        stop, most = self.study.stop, float(np.finfo(self.dtype).max)
        above = most if stop.diverge_above is None else min(stop.diverge_above, most)
        return given.Limits(*np.array([above, stop.loss_below or 0.0], dtype=self.dtype))

    def draws(self) -> given.Draws:
        """`draws` of the driver, but for rows that are made outside."""
        keys = [
            np.array(philox.stream_key(self.study.noise_root, s), dtype=np.uint32) for s in (philox.NOISE, philox.BATCH, philox.OPTIMIZER)
        ]
        factor = getattr(self.parts.noise, "components", None) or 1.0
        component = np.ones(self.dim, self.dtype) * np.asarray(factor, self.dtype)
        return given.Draws(np.asarray(self.base.seeds, dtype=np.int64), keys[0], keys[1], keys[2], component, np.zeros((0, 0, 0), np.int64))

    def numbers(self) -> given.Numbers:
        """`numbers` of the driver, but for the schedule's factors."""
        base, layout = self.base, self.programs.layout
        own = [np.zeros(1, self.dtype), np.full(1, self.study.steps, self.dtype)]
        random: dict[Place, np.ndarray] = {}
        for name, place in layout.own.items():
            if name in STEP:
                continue
            values = layout.value(layout.of_seeds[name], base.p) if name in layout.of_seeds else np.asarray(base.p[name])
            if place.base == "scalar":
                own.append(values.reshape(-1).astype(self.dtype))
            else:
                random[place] = values[0].reshape(values.shape[1], -1)
        wide = whole_lines(layout.drawn_size + self.lanes, self.lanes)  # vectors may reach beyond
        drawn = self.empty(max((len(rows) for rows in random.values()), default=1), wide)
        for place, rows in random.items():
            drawn[:, place.offset : place.offset + rows.shape[1]] = rows
        exact = {".".join(path): value for path, value in base.exact_p.items()}
        if self.base.courses:
            exact |= formulas.named_numbers(self.shard.named())
        exact.setdefault("lr", np.asarray(base.columns.get(("lr",), getattr(base.optimizer, "lr", 0.0)), dtype=np.float64).reshape(-1, 1))
        rule = self.programs.rule.numbers(exact)
        average = np.zeros((1, 2))
        if self.programs.average is not None:
            average = self.programs.average.numbers({path[1]: v for path, v in base.exact_p.items() if path[0] == "average"})
        landscape = np.ascontiguousarray(np.stack(np.broadcast_arrays(*own), axis=1))
        return given.Numbers(landscape, drawn, rule, average, self.others(), np.zeros((1, 1)))

    def others(self) -> np.ndarray:
        """`numbers.others` of the driver."""
        df, clip = self.base.noise_p.get("df", np.ones((1, 1))), self.parts.optimizer.clip
        at = self.base.optimizer_p[("clip", "at")] if clip else 0.0
        columns = [self.base.noise_p.get("scale", 0.0), df, 2 / np.asarray(df, dtype=self.dtype), at]
        made = np.broadcast_arrays(*(np.asarray(c, dtype=self.dtype).reshape(-1) for c in columns))
        return np.ascontiguousarray(np.stack(made, axis=1))

    def room(self) -> given.Room:
        """`room` of one thread."""
        wide = whole_lines(self.dim + 2 * self.lanes, self.lanes)
        rows = -(-max(1, self.batch) // 4) * 4
        observed = len(watched(self.shard.group))
        numbers = self.numbers_made
        return given.Room(
            arena=self.empty(self.programs.arena),
            out=self.empty(wide),
            own=self.empty(numbers.landscape.shape[1]),
            rule=np.zeros(numbers.rule.shape[1]),
            average=np.zeros(numbers.average.shape[1]),
            rows=np.zeros(rows, np.int64),
            normals=self.empty(2, wide),
            xi=self.empty(2, wide),
            fresh=self.empty(2, self.fresh + 2 * self.lanes),
            looks=self.empty(1 + observed + self.lanes),
        )

    def empty(self, *shape: int) -> np.ndarray:
        """Memory of zeros that begins at a line of the cache."""
        made = aligned(shape, self.dtype)
        made[...] = 0
        return made

    # where runs are

    def state(self) -> given.State:
        """`state` of the driver, at the start."""
        x = np.broadcast_to(self.base.start(), (self.points, self.seeds, self.dim))
        states = self.base.initial_state(np.zeros((1, 1, self.dim), self.dtype))
        average = x if self.parts.optimizer.average else None
        return self.laid_out(
            x, states, average, np.full(self.runs, Status.RUNNING, np.int8), np.full(self.runs, self.study.steps, np.int64)
        )

    def laid_out(self, x: Any, states: Any, average: Any, status: np.ndarray, last_step: np.ndarray) -> given.State:
        """The driver's memory for runs that stand so."""
        wide = whole_lines(self.dim + self.lanes, self.lanes)
        made = given.State(
            self.empty(self.runs, wide),
            self.empty(self.runs, whole_lines(self.programs.rule.size + self.lanes, self.lanes)),
            self.empty(self.runs, wide if average is not None else 0),
            status,
            last_step,
        )
        made.iterates[:, : self.dim] = np.asarray(x).reshape(self.runs, self.dim)
        for (offset, shape), values in zip(self.programs.rule.states, flat(states), strict=True):
            size = int(np.prod(shape))
            whole = np.broadcast_to(values, (self.points, self.seeds, *shape))
            made.states[:, offset : offset + size] = whole.reshape(self.runs, size)
        if average is not None:
            made.averages[:, : self.dim] = np.asarray(average).reshape(self.runs, self.dim)
        return made

    def arrays(self, state: given.State) -> tuple[Any, Any, Any]:
        """The iterates, states and average as the array executor has them."""
        shape = (self.points, self.seeds)
        x = state.iterates[:, : self.dim].reshape(*shape, self.dim)
        parts = [state.states[:, offset : offset + int(np.prod(own))].reshape(*shape, *own) for offset, own in self.programs.rule.states]
        like = self.base.initial_state(np.zeros((1, 1, self.dim), self.dtype))
        average = state.averages[:, : self.dim].reshape(*shape, self.dim) if self.parts.optimizer.average else None
        return x, nested(like, parts), average

    def branched(self, state: given.State) -> given.State:
        """The states of another study's runs in place of the start."""
        other = self.base.branch_states()
        x, states, average = unpacked(other.values, *self.arrays(state), np)
        return self.laid_out(x, states, average, other.status.reshape(-1).astype(np.int8), other.last_step.reshape(-1).astype(np.int64))

    # all steps

    def run(self, tick: Tick | None = None, checkpoint: Checkpoint = NOTHING) -> Iterator[Block | Outcome]:
        """As Simulation.run of the array executor."""
        tick = tick or (lambda steps: None)
        with np.errstate(all="ignore"):
            if self.pool is None and self.threads > 1:
                with kernel_pool(self.threads) as pool:
                    yield from self._run(tick, pool.map, checkpoint)
            else:
                yield from self._run(tick, self.pool.map if self.pool else map, checkpoint)

    def _run(self, tick: Tick, apply: Any, checkpoint: Checkpoint) -> Iterator[Block | Outcome]:
        drive, functions = compiled(self.programs, self.study.precision)
        study, group, state = self.study, self.shard.group, self.state()
        if study.branch:
            state = self.branched(state)
        numbers = self.numbers_made = self.numbers()
        draws, limits, flags, observed = self.draws(), self.limits(), self.flags(), len(watched(group))
        pieces = min(self.runs, PIECES * self.threads if self.pool or self.threads > 1 else 1)
        bounds = list(itertools.pairwise(np.linspace(0, self.runs, pieces + 1).astype(int).tolist()))
        rooms, spent = deque[given.Room](), 0.0
        saved = checkpoint.load(state) or {}
        t, first = int(saved.get("t", study.first)), int(saved.get("start", 0))
        for k, values in enumerate(state if saved else ()):
            values[...] = saved[f"state{k}"]
        for start in range(first, len(group.steps), group.step_chunk):
            marks = group.steps[start : start + group.step_chunk]
            out = tuple(saved[f"out{k}"] for k in range(3)) if saved and start == first else self.outputs(len(marks))
            for t1, some, place in self.calls(t, int(marks[-1]) + 1, marks):
                if t in self.states:
                    yield Block(self.states[t], self.states[t] + 1, {"state": packed(*self.arrays(state), np)[:, :, None, :]})
                now = numbers._replace(factors=self.factors(t, max(1, min(t1, study.steps) - t)))
                drawn = draws._replace(rows=self.rows(t, min(t1, study.steps))) if self.rows_given and t < study.steps else draws
                records = given.Records(some, place, observed, *out)
                before = (t, t1, study.steps, self.seeds, functions, flags, limits, drawn, self.programs.shared)

                def call(ends: tuple[int, int], before: Any = before, now: Any = now, records: Any = records) -> float:
                    began = time.thread_time()
                    try:
                        room = rooms.pop()
                    except IndexError:  # another thread has each of those that there are
                        room = self.room()
                    drive(*ends, *before, room, state, now, records)
                    rooms.append(room)
                    return time.thread_time() - began

                spent += sum(apply(call, bounds))
                tick(min(t1, study.steps) - t)
                t = t1
                if checkpoint.due():
                    kept = {f"state{k}": a for k, a in enumerate(state)} | {f"out{k}": a for k, a in enumerate(out)}
                    checkpoint.save({"t": t, "start": start, **kept})
            yield Block(start, start + len(marks), self.named(out))
            del out
        note(self, spent, self.runs * max(1, study.steps - int(saved.get("t", study.first))))
        status, last = (a.reshape(self.points, self.seeds) for a in (state.status, state.last_step))
        yield Outcome(np.where(status == Status.RUNNING, np.int8(Status.FINISHED), status), last)

    def factors(self, first: int, count: int) -> np.ndarray:
        """The schedule's factors, (points or 1, count)."""
        made = self.base.schedule_factors(first, count)
        return np.ascontiguousarray(
            made if len(np.unique(made, axis=0)) > 1 or made.shape[0] == self.points else made[:1], dtype=np.float64
        )

    def rows(self, first: int, stop: int) -> np.ndarray:
        """Rows of minibatches that are made outside, (steps, seeds, batch)."""
        return np.ascontiguousarray(np.stack([self.base.batches(t) for t in range(first, stop)]), dtype=np.int64)

    def calls(self, t: int, stop: int, marks: np.ndarray) -> Iterator[tuple[int, np.ndarray, int]]:
        """Cut steps t .. stop - 1 into calls of the driver: (end, the marks in it, the first one's place)."""
        most = max(1, self.most_steps())
        if self.rows_given:
            most = max(1, min(most, ROWS_BYTES // (8 * self.seeds * self.batch)))
        while t < stop:
            end = min([t + most, stop, *(s for s in self.states if s > t)])
            place, beyond = np.searchsorted(marks, [t, end])
            yield end, np.ascontiguousarray(marks[place:beyond]), int(place)
            t = end

    def most_steps(self) -> int:
        """Steps of a call."""
        samples = self.batch or max(1, self.parts.landscape.batch_count())
        return CALL_WORK * 64 // (self.runs * self.dim * samples)

    def outputs(self, records: int) -> tuple[np.ndarray, ...]:
        """`scalars`, `params`, `averages` of the driver for so many records; what runs do not live to see is NaN."""
        return tuple(np.full(shape, np.nan, self.dtype) for shape in self.shapes(records))

    def shapes(self, records: int) -> list[tuple[int, int, int]]:
        """Of `outputs`."""
        names, scalars = self.shard.group.recorded, sum(variable.is_scalar for variable in self.shard.group.variables)
        vectors = [(self.runs, records, self.dim) if name in names else (0, 0, 0) for name in ("params", "average_params")]
        return [(scalars, self.runs, records), *vectors]

    def named(self, out: tuple[np.ndarray, ...]) -> dict[str, Any]:
        """The driver's output by variable, (points, seeds, records, ...)."""
        scalars, params, averages = out
        names, shape = self.shard.group.recorded, (self.points, self.seeds)
        order = [*(n for n in ("loss",) if n in names), *watched(self.shard.group), *(n for n in ("average_loss",) if n in names)]
        made = {name: scalars[k].reshape(*shape, -1) for k, name in enumerate(order)}
        for name, values in (("params", params), ("average_params", averages)):
            if name in names:
                made[name] = values.reshape(*shape, *values.shape[1:])
        return made
