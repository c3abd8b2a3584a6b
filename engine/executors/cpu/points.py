"""The fused executor: expression landscapes and straight-line rules as compiled lane blocks (lane_functions.py), all steps inside.

A shard's runs are laid out in blocks of W lanes. With enough seeds the lanes of a block are seeds of one sweep point, which then share
their hyperparameters (uniform); with few seeds a block holds runs of several points, each lane with its own numbers.
"""

import itertools
import math
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import numpy as np

from ....specs.clip import ClipNorm, ClipValue
from ....specs.landscapes._tensor_landscape import ProgramLandscape
from ....specs.noise import Gaussian, StudentT
from ....specs.status import Status
from ...cores import cores
from ...plan import Group, Shard
from ...store.checkpoint import Checkpoint
from .. import philox
from ..array.simulation import NOTHING, Begin, Simulation, Tick
from ..codegen.entries import columns
from ..codegen.refusal import NotFusable, refusal
from ..codegen.sources import sources
from ..codegen.value_bounds import within
from ..outcome import Block, Outcome
from ..tensors.aligned import align, aligned
from . import arguments
from .compile import compiled, modules
from .core_pool import kernel_pool
from .rates import modelled, note
from .tables import table

UNIFORM_SEEDS = 64
"""From this many seeds on, blocks are filled with seeds of one sweep point."""
WIDTHS = (256, 64)
"""Lanes in a block. LLVM unrolls a loop over 16 completely before it would vectorise it, and leaves it scalar."""
BLOCK_BYTES = 2**17
"""Largest size of one array (dim, W) of a block."""
CALL_LANES = 25
"""What the calls of a block's step cost, in lanes."""
TILE_BYTES = 2**18
"""Records a block gathers before they are transposed to where the store wants them."""
CALL_WORK = 10**8
"""Components moved in one call of the driver: progress and interrupts are served in between."""
FACTOR_BYTES = 16 * 2**20


def why_not(group: Group) -> str | None:
    """Why this group cannot be fused, or None."""
    return refusal(group, lower)


def lower(shard: Shard) -> None:
    """Make the text of a shard's kernels. Raises NotFusable with the reason where it has none."""
    group = shard.group
    if group.particles and (group.study.branch or len(group.state_steps)):
        raise NotFusable("states of swarms")
    sources(shard.parts(), group.study.precision, 64, True, True)


def width(dim: int, precision: str, group: int) -> int:
    """Lanes in a block, so that a block's arrays stay in the cache, no core is without a block, and few lanes are idle."""
    fitting = [w for w in WIDTHS if dim * w * np.dtype(precision).itemsize <= BLOCK_BYTES] or WIDTHS[-1:]
    return min(fitting, key=lambda w: math.ceil(math.ceil(group / w) / cores()) * (w + CALL_LANES))


class FusedSimulation:
    """One shard as lane blocks; `run` is that of the array executor's Simulation."""

    def __init__(self, shard: Shard, threads: int = 1, pool: Executor | None = None, begin: Begin | None = None):
        self.shard, self.study, self.threads, self.pool = shard, shard.group.study, threads, pool
        self.base = self.reference(shard, begin=begin)
        self.parts, self.dtype = self.base.parts, np.dtype(self.study.precision)
        self.dim, self.points, self.seeds = self.base.dim, self.base.points, len(self.base.seeds)
        self.uniform = self.study.seeds >= UNIFORM_SEEDS
        self.W = self.width(self.seeds if self.uniform else self.points * self.seeds)
        self.box = within(shard.group, self.parts)
        self.sources = sources(self.parts, self.study.precision, self.W, self.uniform, self.uniform_landscape, self.box > 0)
        self.states = {int(t): k for k, t in enumerate(shard.group.state_steps)}
        self.lay_out()

    @property
    def work(self) -> int:
        """Components that a run moves in a step."""
        return self.dim

    spent = 0.0
    """Seconds of processor time in the driver."""
    box = 0.0
    """Within it no run diverges."""
    reference: Any = Simulation
    """The array executor for the same shard: it makes the start, the schedule's factors and the tables of numbers."""

    def width(self, group: int) -> int:
        """Lanes in a block that holds some of `group` runs."""
        return width(self.dim, self.study.precision, group)

    @property
    def rule(self) -> Any:
        """The optimizer; `sources` has made sure that it has a rule."""
        return self.parts.optimizer

    def lay_out(self) -> None:
        """Which run every lane holds; lanes beyond the last run repeat it and are never read."""
        W, seeds = self.W, self.seeds
        if self.uniform:
            per_point = -(-seeds // W)
            within = np.minimum(np.arange(per_point * W), seeds - 1)
            lane_run = (np.arange(self.points)[:, None] * seeds + within).reshape(-1)
            first = np.arange(per_point) * W
            self.run_of = (np.arange(self.points)[:, None] * seeds + first).reshape(-1)
            self.valid = np.tile(np.minimum(W, seeds - first), self.points)
            self.block_point = np.repeat(np.arange(self.points), per_point)
        else:
            runs = self.points * seeds
            blocks = -(-runs // W)
            lane_run = np.minimum(np.arange(blocks * W), runs - 1)
            self.run_of = np.arange(blocks) * W
            self.valid = np.minimum(W, runs - self.run_of)
            self.block_point = np.zeros(blocks, np.int64)
        self.blocks = len(self.run_of)
        self.lane_run = lane_run
        self.lane_point, self.lane_seed = np.divmod(lane_run, seeds)

    def lanes(self, values: Any) -> np.ndarray:
        """(points or 1, seeds or 1, dim or 1) -> (blocks, dim, W), to be copied."""
        values = np.asarray(values, self.dtype)
        if values.shape[:2] == (1, 1):
            return np.broadcast_to(values[0].T, (self.blocks, self.dim, self.W))
        flat = np.broadcast_to(values, (self.points, self.seeds, self.dim)).reshape(-1, self.dim)
        return flat[self.lane_run].reshape(self.blocks, self.W, self.dim).transpose(0, 2, 1)

    def landscape_columns(self) -> list[np.ndarray]:
        """The landscape's numbers, (points or 1, seeds or 1) each."""
        land = self.parts.landscape
        return columns(land, self.base.numbers_at(1)) if isinstance(land, ProgramLandscape) else list(self.base.p.values())

    def table(self, columns: list[Any], uniform: bool) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of runs as a driver has them, and the table of every block."""
        return table(self, columns, uniform)

    def factors(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The schedule's factors of steps first .. first + count - 1: (tables, count, 1 or W), and the table of every block."""
        made = self.base.factors(first, count).astype(self.dtype)
        if len(made) == 1:
            return np.ascontiguousarray(made[:, :, None]), np.zeros(self.blocks, np.int64)
        if self.uniform:
            return np.ascontiguousarray(made[:, :, None]), self.block_point
        lanes = made[self.lane_point].reshape(self.blocks, self.W, count).transpose(0, 2, 1)
        return np.ascontiguousarray(lanes), np.arange(self.blocks)

    def numbers(self) -> arguments.Numbers:
        """`numbers` of the driver, but for the schedule's factors."""
        base = self.base
        P, at_p = self.table(self.landscape_columns(), self.uniform_landscape)
        if self.sources.changes:
            P, at_p = align(P[at_p]), np.arange(self.blocks)
        exact = {**base.exact_p, ("average", "steps"): np.float64(self.study.steps)}
        mine, theirs = self.sources.numbers, self.sources.average_numbers
        if mine.of_landscape:
            named = self.shard.named() | {"steps": self.study.steps}
            exact |= {(label,): np.asarray(named[name], dtype=np.float64).reshape(-1, 1) for label, name in mine.of_landscape.items()}
        with np.errstate(all="ignore"):
            rule = mine.values({name: exact[(name,)] for name in mine.names})
            average = theirs.values({name: exact[("average", name)] for name in theirs.names})
        sizes = (len(rule), len(rule) + len(average))
        every, at_h = self.table([*rule, *average, *self.others()], self.uniform)
        H, HA, Q = (np.ascontiguousarray(part) for part in np.split(every, sizes, axis=1))
        return arguments.Numbers(P, at_p, H, HA, Q, at_h)

    def others(self) -> list[Any]:
        """`numbers.others` of the driver."""
        df, clip = self.base.noise_p.get("df", np.ones((1, 1))), self.parts.optimizer.clip
        at = self.base.optimizer_p[("clip", "at")] if clip else 0.0
        return [self.base.noise_p.get("scale", 0.0), df, 2 / np.asarray(df, dtype=self.dtype), at]

    @property
    def uniform_landscape(self) -> bool:
        """Whether the landscape's numbers are the same in all lanes of a block of any shard of the group: kernels of the two kinds round differently."""
        swept = any(owner == "landscape" for dim in self.shard.group.dims if not dim.structural for owner, _, _ in dim.sweeps)
        return not self.parts.landscape.disorder_size and (self.uniform or not swept)

    def flags(self) -> arguments.Flags:
        """`flags` of the driver."""
        optimizer, names = self.rule, self.shard.group.recorded
        return arguments.Flags(
            noise={Gaussian: arguments.GAUSSIAN, StudentT: arguments.STUDENT_T}.get(type(self.parts.noise), 0),
            clip={ClipValue: arguments.BY_VALUE, ClipNorm: arguments.BY_NORM}.get(type(optimizer.clip), 0),
            xi="xi" in optimizer.inputs(),
            average=optimizer.average is not None,
            stops=self.study.stop.loss_below is not None,
            per_lane=not self.uniform,
            keep_loss="loss" in names,
            keep_params="params" in names,
            keep_average_loss="average_loss" in names,
            keep_average="average_params" in names,
            keep_swarm="swarm" in names,
        )

    def limits(self) -> arguments.Limits:
        """`limits` of the driver."""
        stop, most = self.study.stop, float(np.finfo(self.dtype).max)
        above = most if stop.diverge_above is None else min(stop.diverge_above, most)
        return arguments.Limits(*np.array([above, stop.loss_below or 0.0, self.box], dtype=self.dtype))

    def draws(self) -> arguments.Draws:
        """`draws` of the driver."""
        seeds = self.base.seeds[self.lane_seed].astype(np.uint32).reshape(self.blocks, self.W)
        keys = np.array([philox.stream_key(self.study.noise_root, s) for s in (philox.NOISE, philox.OPTIMIZER)], dtype=np.uint32)
        return arguments.Draws(seeds, keys, *self.component())

    def observables(self) -> np.ndarray:
        """The places of those that are recorded among the landscape's."""
        every = self.parts.landscape.observable_names
        return np.array([every.index(name) for name in self.shard.group.recorded if name in every], dtype=np.int64)

    def run(self, tick: Tick | None = None, checkpoint: Checkpoint = NOTHING) -> Iterator[Block | Outcome]:
        """As Simulation.run of the array executor."""
        tick = tick or (lambda steps: None)
        if self.pool is None and self.threads > 1:
            with kernel_pool(self.threads) as pool:
                yield from self._run(tick, pool.map, checkpoint)
        else:
            yield from self._run(tick, self.pool.map if self.pool else map, checkpoint)

    def _run(self, tick: Tick, apply: Any, checkpoint: Checkpoint) -> Iterator[Block | Outcome]:
        drive, functions = compiled(self.sources, self.seldom)
        study, group = self.study, self.shard.group
        state = self.state()
        if study.branch:
            self.branched(state)
        tables, draws, limits, flags, observables = self.numbers(), self.draws(), self.limits(), self.flags(), self.observables()
        pieces = min(self.blocks, 4 * self.threads if self.pool or self.threads > 1 else 1)
        bounds = list(itertools.pairwise(np.linspace(0, self.blocks, pieces + 1).astype(int).tolist()))
        saved = checkpoint.load(state) or {}
        t, first = int(saved.get("t", study.first)), int(saved.get("start", 0))
        for k, values in enumerate(state if saved else ()):
            values[...] = saved[f"state{k}"]
        for start in range(first, len(group.steps), group.step_chunk):
            marks = group.steps[start : start + group.step_chunk]
            out = tuple(saved[f"out{k}"] for k in range(len(self.outputs(0)))) if saved and start == first else self.outputs(len(marks))
            for t1, some, place in self.calls(t, int(marks[-1]) + 1, marks):
                if t in self.states:
                    yield Block(self.states[t], self.states[t] + 1, {"state": self.whole(state)})
                factors, factors_of = self.factors(t, max(1, min(t1, study.steps) - t))
                numbers = tables._replace(factors=factors, factors_of=factors_of)
                records = arguments.Records(some, place, self.run_of, self.valid, observables, *out)
                before = (t, t1, study.steps, functions, flags, limits, draws)
                self.move(apply, bounds, drive, before, (state, numbers, records))
                tick(min(t1, study.steps) - t)
                t = t1
                if checkpoint.due():
                    kept = {f"state{k}": a for k, a in enumerate(state)} | {f"out{k}": a for k, a in enumerate(out)}
                    checkpoint.save({"t": t, "start": start, **kept})
            yield Block(start, start + len(marks), self.named(out))
            del out
        note(self, self.spent, self.blocks * self.W * max(1, study.steps - int(saved.get("t", study.first))))
        yield self.outcome(state.status, state.last_step)

    def move(self, apply: Any, bounds: list[Any], drive: Any, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        """Call the driver for all blocks, with room of its own for every call."""

        def call(ends: tuple[int, int]) -> float:
            room, began = self.room(len(after[-1].marks)), time.thread_time()
            drive(*ends, *before, room, *after)
            return time.thread_time() - began

        self.spent += sum(apply(call, bounds))

    def room(self, records: int) -> arguments.Room:
        """`room` of a call of the driver that records so many times."""
        rows, dim, made = self.sources.sizes(len(self.parts.landscape.observable_names)), self.dim, self.empty
        loss, update, factor, spare_row = made(4)
        land_scratch, observed, rule, average, rule_powers, average_powers, rule_scratch = map(made, rows)
        return arguments.Room(
            loss=loss,
            spare=made(dim),
            spare_row=spare_row,
            land_scratch=land_scratch,
            rule_scratch=rule_scratch,
            observed=observed,
            prelude=arguments.Prelude(update, factor, rule, average, rule_powers, average_powers),
            others=made(4),
            xi=made(self.drawn, dim + dim % 2),
            words=aligned((4, self.W), np.dtype(np.uint32)),
            fine=aligned((self.W,), np.dtype(np.int8)),
            tile=made(records, self.tile_rows),
            gradient=made(dim),
            normals=made(self.drawn, dim + dim % 2),
        )

    def empty(self, *shape: int) -> np.ndarray:
        """Numbers of a block, (..., W), not initialised."""
        return aligned((*shape, self.W), self.dtype)

    @property
    def drawn(self) -> int:
        """Steps whose normals one Philox block yields."""
        return 2 if self.dtype == np.float32 else 1

    @property
    def tile_rows(self) -> int:
        """Numbers of a record of a run."""
        return sum(1 if variable.is_scalar else self.dim for variable in self.shard.group.variables)

    @property
    def seldom(self) -> bool:
        """Whether the study has any of the seldom used features, for all of which the driver is then compiled."""
        optimizer, noise = self.rule, self.parts.noise
        return bool(optimizer.average or optimizer.clip or isinstance(noise, StudentT) or self.study.stop.loss_below is not None)

    def modules(self) -> dict[str, str]:
        """The text of all that is compiled."""
        return modules(self.sources, self.seldom)

    def modelled_rate(self) -> float:
        """Seconds of a lane's step, where no run has measured them."""
        return modelled(self)

    def component(self) -> tuple[Any, ...]:
        """What the noise of every component is multiplied by."""
        given = getattr(self.parts.noise, "components", None) or 1.0
        return (np.ones(self.dim, self.dtype) * np.asarray(given, self.dtype),)

    def state(self) -> arguments.State:
        """`state` of the driver, at the start."""
        X = align(self.lanes(self.base.start()))
        states = self.base.initial_state(np.zeros((1, 1, 1), self.dtype))
        S = aligned((self.blocks, len(states), self.dim, self.W), self.dtype)
        for k, values in enumerate(states):
            S[:, k] = self.lanes(values)
        A = align(X) if self.parts.optimizer.average else np.zeros((self.blocks, 0, self.W), self.dtype)
        return arguments.State(X, S, A, *self.begun())

    def begun(self) -> tuple[np.ndarray, np.ndarray]:
        """status and last_step at the start; lanes without a run have ended."""
        status = np.where(np.arange(self.W) < self.valid[:, None], Status.RUNNING, Status.FINISHED).astype(np.int8)
        return status, np.full((self.blocks, self.W), self.study.steps, np.int64)

    def branched(self, state: arguments.State) -> None:
        """Put the states of another study's runs in place of the start."""
        other = self.base.branch_states()
        X, S, A, status, last_step = state
        found = np.moveaxis(other.values.reshape(self.points, self.seeds, -1, self.dim), 2, 0)
        X[...] = self.lanes(found[0])
        for k in range(S.shape[1]):
            S[:, k] = self.lanes(found[1 + k])
        if self.parts.optimizer.average:
            A[...] = self.lanes(found[-1])
        mine = other.status.reshape(-1)[self.lane_run].reshape(status.shape)
        status[...] = np.where(status == Status.RUNNING, mine, status)
        last_step[...] = other.last_step.reshape(-1)[self.lane_run].reshape(last_step.shape)

    def whole(self, state: arguments.State) -> np.ndarray:
        """What `packed` makes of the runs: (points, seeds, 1, numbers)."""
        X, S, A = state[:3]
        every = np.concatenate([X[:, None], S, *([A[:, None]] if self.parts.optimizer.average else [])], axis=1)
        lanes = np.moveaxis(every.reshape(self.blocks, -1, self.W), 1, 2).reshape(self.blocks * self.W, -1)
        held = (np.arange(self.W) < self.valid[:, None]).reshape(-1)
        made = np.empty((self.points * self.seeds, lanes.shape[1]), self.dtype)
        made[self.lane_run[held]] = lanes[held]
        return made.reshape(self.points, self.seeds, 1, -1)

    def outcome(self, status: np.ndarray, last_step: np.ndarray) -> Outcome:
        """How the runs ended, from the lanes that hold one."""
        held = (np.arange(self.W) < self.valid[:, None]).reshape(-1)
        ended, last = np.zeros(self.points * self.seeds, np.int8), np.zeros(self.points * self.seeds, np.int64)
        ended[self.lane_run[held]] = status.reshape(-1)[held]
        last[self.lane_run[held]] = last_step.reshape(-1)[held]
        ended[ended == Status.RUNNING] = Status.FINISHED
        return Outcome(ended.reshape(self.points, self.seeds), last.reshape(self.points, self.seeds))

    def calls(self, t: int, stop: int, marks: np.ndarray) -> Iterator[tuple[int, np.ndarray, int]]:
        """Cut steps t .. stop - 1 into calls of the driver: (end, the marks in it, the first one's place)."""
        rows = max(1, self.shard.group.values_per_record)
        most_marks = max(1, TILE_BYTES // (rows * self.W * self.dtype.itemsize))
        most_steps = max(1, CALL_WORK // (self.points * self.seeds * self.work))
        if self.base.factors(0, 1).shape[0] > 1:
            most_steps = max(1, min(most_steps, FACTOR_BYTES // (self.blocks * self.W * self.dtype.itemsize)))
        while t < stop:
            most = stop - t if stop - t <= 1.5 * most_steps else most_steps  # a short last call would cost more than its steps
            end = min([t + most, *(s for s in self.states if s > t)])
            place, beyond = np.searchsorted(marks, [t, end])
            if beyond - place > most_marks:
                beyond = place + most_marks
                end = int(marks[beyond - 1]) + 1
            yield end, np.ascontiguousarray(marks[place:beyond]), int(place)
            t = end

    def outputs(self, records: int) -> tuple[np.ndarray, ...]:
        """`scalars`, `params`, `averages` of the driver for so many records."""
        names, runs, scalars = self.shard.group.recorded, self.points * self.seeds, self.scalars

        def vectors(name: str) -> np.ndarray:
            return np.empty((runs, records, self.dim) if name in names else (0, 0, 0), self.dtype)

        return np.empty((scalars, runs, records), self.dtype), vectors("params"), vectors("average_params")

    @property
    def scalars(self) -> int:
        """How many of the recorded variables are one number a run and step."""
        return sum(variable.is_scalar for variable in self.shard.group.variables)

    def named(self, out: tuple[np.ndarray, ...]) -> dict[str, Any]:
        """The driver's output by variable, (points, seeds, records, ...)."""
        scalars, params, averages = out[:3]
        names, observables = self.shard.group.recorded, self.parts.landscape.observable_names
        order = [n for n in ("loss",) if n in names] + [n for n in names if n in observables] + [n for n in ("average_loss",) if n in names]
        shape = (self.points, self.seeds)
        made = {name: scalars[k].reshape(*shape, -1) for k, name in enumerate(order)}
        for name, values in (("params", params), ("average_params", averages)):
            if name in names:
                made[name] = values.reshape(*shape, *values.shape[1:])
        return made
