"""The array executor: one shard as batched array operations over (points of the sweep, seeds, dim). The reference; it runs everything.

Numbers that differ between sweep points are columns (points, 1), noise is drawn once a seed (seeds, dim), and broadcasting joins the
two: common random numbers across the sweep cost nothing. `xp` is NumPy or any array-API namespace (CuPy, array_api_strict).
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ....optimizers._rule import Part, parts_of, rule_of
from ....optimizers.base import RuleOptimizer
from ....specs import formulas
from ....specs.errors import SpecError
from ....specs.lengths import in_steps
from ....specs.noise import SAMPLED, Gaussian, Minibatch, Online, StudentT
from ....specs.program.derivative import full
from ....specs.program.function import given
from ....specs.program.node import Node
from ....specs.program.numpy_functions import Untraceable
from ....specs.program.split import replaced
from ....specs.program.trace import trace
from ....specs.study import Study
from ...plan import Shard
from ...store.checkpoint import Checkpoint, flat, nested
from ...store.matched import stored_variable
from .. import philox
from ..outcome import RUNNING, Block, Outcome
from ..state import unpacked
from .diagnostics import SimulationView
from .draws import Draws
from .epochs import Epochs
from .fate import Fate
from .moving import RATE, Moving
from .recorder import Recorder
from .rule import CalledRule, Update
from .starts import start_of

DRAW_BYTES = 8 * 2**20
"""Random numbers are drawn for several steps at once; their temporaries stay below this."""
TICK_STEPS = 64
NOTHING = Checkpoint()
Begin = Callable[[Shard], Any]
"""Gives the states that the runs of a shard begin with where the study is a branch (runner's BranchStates)."""
Tick = Callable[[int], None]


class Simulation:
    """One shard's arrays and how they move; `run` drives it."""

    def __init__(self, shard: Shard, xp: Any = np, begin: Begin | None = None):
        study, self.begin = shard.group.study, begin
        self.xp, self.shard, self.study, self.parts = xp, shard, study, shard.parts()
        self.dtype = getattr(xp, study.precision)
        self.dim, self.seeds, self.points = self.parts.landscape.size, shard.seeds, shard.points
        columns, self.courses = shard.columns(), shard.courses()
        self.p = {path[-1]: v for path, v in self.numbers("landscape", columns).items()} | self.disorder()
        self.noise_p = {path[-1]: v[..., None] for path, v in self.numbers("noise", columns).items()}
        self.init_p = {path: v[..., None] for path, v in self.numbers("init", columns).items()}
        self.optimizer_p = {path: v[..., None] for path, v in self.numbers("optimizer", columns).items()}
        self.exact_p = self.numbers("optimizer", columns, "float64")
        self.columns = columns.get("optimizer", {})
        landscape = self.parts.landscape
        constants = self.optimizer.with_sizes(landscape.named_sizes).constants(landscape.blocks)
        self.constants = {name: xp.asarray(np.asarray(value, dtype=study.precision)) for name, value in constants.items()}
        self.t, self.now = 0, dict(self.constants)
        self.pieces = parts_of(self.optimizer, landscape.blocks, landscape.places)
        self.on_device, self.rules = xp is not np, {}
        self.moving = Moving.of(self.courses, study.steps)
        if self.moving is not None:
            self.refresh(study.first)
        if RATE in self.courses:  # which is in the factors
            self.columns = {**self.columns, ("lr",): np.ones(1)}
            self.exact_p[("lr",)] = xp.ones((1, 1), dtype=xp.float64)
        self.noise, self.batches, self.own = self.make_noise(), self.make_batches(), self.make_own()

    def numbers(self, owner: str, columns: dict[str, Any], precision: str = "") -> dict[tuple[str, ...], Any]:
        """path -> (points, 1) or (1, 1) array of every number of this part; in the study's precision unless another is named."""
        made = {}
        for path, value, structural in getattr(self.parts, owner).fields():
            value = columns.get(owner, {}).get(path, value)
            if isinstance(value, (int, float, np.ndarray)) and not (structural or isinstance(value, bool)):
                if path[0] == "average" and path[1] in self.optimizer.average.lengths:
                    value = in_steps(value, self.study.steps)
                made[path] = self.xp.asarray(np.asarray(value, dtype=precision or self.study.precision).reshape(-1, 1))
        return made

    @property
    def optimizer(self) -> Any:
        """The optimizer of this shard; a sweep never reaches here, plan.Parts has resolved or made a column of it."""
        return self.parts.optimizer

    def disorder(self) -> dict[str, Any]:
        """The arrays of a random landscape, every seed its own: (1, seeds, ...); and those that other studies have stored."""
        root, dtype = self.study.root_seed, getattr(np, self.study.precision)
        made = self.parts.landscape.disorder(lambda count: philox.normal(root, philox.DISORDER, self.seeds, [0], count, dtype)[0, ...])
        own = {name: v[None, ...] for name, v in made.items()}
        own |= {name: stored_variable(used, self.shard) for name, used in self.parts.landscape.stored.items()}
        return {name: self.xp.asarray(v.astype(self.study.precision)) for name, v in own.items()}

    @property
    def rule(self) -> list[Any]:
        """What moves each part of the point, in this simulation's precision: the update as a program, or where it is none the rule as it stands."""
        key = self.xp, self.dtype
        if key not in self.rules:
            self.rules[key] = [self.rule_of(part) for part in self.pieces]
        return self.rules[key]

    def rule_of(self, part: Part) -> Any:
        """The rule of one part. Raises SpecError where it is no program, and the arrays are those of a device."""
        shapes = {name: a.shape for name, a in self.constants.items()}
        try:
            made = rule_of(part, shapes, "float32" if self.dtype == self.xp.float32 else "float64")
        except Untraceable as why:
            if self.on_device:
                raise SpecError(f"{why}; called directly, it runs only on the CPU") from None
            return CalledRule(part, self.exact_p, self.dtype)
        return self.update(made.outputs, {made.inputs[name]: path for name, path in part.numbers.items()})

    def update(self, outputs: Sequence[Node], numbers: Mapping[Node, tuple[str, ...]]) -> Update:
        """A program of arrays and of these numbers, the optimizer's by the path of their field: those that are formulas of t are written out."""
        exact = {n.option("name"): self.exact_p[path] for n, path in numbers.items()}
        courses = {id(n): self.courses[key] for n, path in numbers.items() if (key := ("optimizer", *path)) in self.courses}
        moving = {number: formulas.node_of(course.formula, course.values, course.steps) for number, course in courses.items()}
        if moving:
            outputs = replaced(outputs, moving)
            exact |= {name: self.xp.asarray(values) for name, values in formulas.named_numbers(self.shard.named()).items()}
        return Update(outputs, exact, self.dtype, self.xp)

    def of_study(self, study: Study) -> "Simulation":
        """The same runs at their start under a study that differs in its length or its records alone."""
        made = copy.copy(self)
        made.study, made.shard = study, dataclasses.replace(self.shard, group=dataclasses.replace(self.shard.group, study=study))
        made.t, made.now = 0, dict(self.constants)
        if made.moving is not None:
            made.refresh(study.first)
        made.noise, made.batches, made.own = made.make_noise(), made.make_batches(), made.make_own()
        return made

    def in_float64(self, xp: Any) -> "Simulation":
        """The same simulation at the same step, to be moved in float64 with arrays of `xp`, an array namespace or that of dual numbers."""
        made = copy.copy(self)
        made.xp, made.dtype = xp, xp.float64
        return made

    # where runs start

    def branch_states(self) -> Any:
        """Where the runs begin, if they go on from those of another study."""
        assert self.begin is not None, "a branch needs the states that its runs begin with"
        return self.begin(self.shard)

    def start(self) -> Any:
        """x_0 (points, seeds, dim)."""
        return start_of(self, self.parts.init, (self.points, len(self.seeds), self.dim))

    def vector(self, given: Any, size: int | None = None) -> Any:
        """One number for all components, or one a component, as an array (size,); by default for all components of a point."""
        return self.xp.asarray(np.broadcast_to(np.asarray(given, dtype=self.study.precision), (size or self.dim,)).copy())

    def first(self, kind: Any) -> Any:
        """Draws for the start, (seeds, dim)."""
        return kind(self.study.root_seed, philox.INIT, self.seeds, [0], self.dim, self.dtype, self.xp)[0, ...]

    # what the gradient is

    def draws(self, stream: int, count: int, kind: Any) -> Draws:
        """The stream's numbers step by step; `kind(seeds, steps)` makes (steps, seeds, ...) at once."""
        return Draws(kind, self.seeds, self.study.steps, max(1, DRAW_BYTES // (64 * len(self.seeds) * count)))

    def make_noise(self) -> Any:
        """A function (gradient, step) -> gradient with the study's noise."""
        noise, root, xp = self.parts.noise, self.study.noise_root, self.xp
        if isinstance(noise, Gaussian):
            made = self.draws(philox.NOISE, self.dim, lambda s, t: philox.normal(root, philox.NOISE, s, t, self.dim, self.dtype, xp))
        elif isinstance(noise, StudentT):
            made = self.draws(
                philox.NOISE,
                2 * self.dim * self.noise_p["df"].shape[0],
                lambda s, t: philox.student_t(root, philox.NOISE, s, t, self.dim, self.noise_p["df"][:, None, ...], self.dtype, xp),
            )
            if ("noise", "df") in self.courses:
                made.ahead = 1
        else:
            return lambda g, step: g
        components = 1.0 if noise.components is None else self.vector(noise.components)
        if ("noise", "scale") in self.courses:
            return lambda g, step: g + self.noise_p["scale"] * components * made.at(step)
        scale = self.noise_p["scale"] if noise.components is None else self.noise_p["scale"] * components
        return lambda g, step: g + scale * made.at(step)

    def make_own(self) -> Any:
        """A function step -> the optimizer's own standard normal numbers, shaped as x."""
        root, dim, dtype = self.study.noise_root, self.dim, self.dtype
        return self.draws(philox.OPTIMIZER, dim, lambda s, t: philox.normal(root, philox.OPTIMIZER, s, t, dim, dtype, self.xp)).at

    def make_batches(self) -> Any:
        """A function step -> what its minibatch is made of: sample indices (seeds, size), or normal numbers (seeds, size, sample_size)."""
        noise, root, landscape = self.parts.noise, self.study.noise_root, self.parts.landscape
        if isinstance(noise, Online):
            size: Any = noise.size
            shape = (len(self.seeds), size, landscape.sample_size)
            draws = self.draws(
                philox.BATCH,
                shape[1] * shape[2],
                lambda s, t: philox.normal(root, philox.BATCH, s, t, shape[1] * shape[2], self.dtype, self.xp),
            )
            return lambda step: self.xp.reshape(draws.at(step), shape)
        if not isinstance(noise, Minibatch):
            return lambda step: None
        size: Any = noise.size
        count = landscape.batch_count()
        if noise.sampling != "replacement":
            return Epochs(root, self.seeds, count, size, str(noise.sampling), self.xp).at
        return self.draws(philox.BATCH, size, lambda s, t: philox.integers(root, philox.BATCH, s, t, size, count, self.xp)).at

    # how the optimizer moves

    def initial_state(self, x: Any) -> tuple[Any, ...]:
        optimizer = self.parts.optimizer
        made = []
        for name in optimizer.state:
            first = optimizer.initial.get(name, 0.0)
            value = self.optimizer_p[(first,)] if isinstance(first, str) else first
            made.append(self.xp.zeros_like(x) + value)
        return tuple(made)

    def first_average(self, x: Any) -> Any:
        """The average at the start x; None for an optimizer without one."""
        average = self.parts.optimizer.average
        return average.first(self.point(x), self.xp) if average else None

    def next_average(self, average: Any, x: Any, t: int) -> Any:
        """The average after the update that followed step t and led to x."""
        if average is None:
            return None
        if self.moving is not None:
            self.refresh(t)
        (new,) = self.averaging({"a": average, "x": self.point(x)}, t + 1)
        return new

    @cached_property
    def averaging(self) -> Update:
        """The average's update as a program."""
        average, steps = self.optimizer.average, self.study.steps
        numbers = {path[1]: given(path[1]) for path in self.exact_p if path[0] == "average"}
        x = given("x", (self.dim,))
        a = given("a", trace(lambda x: average.first(x, np), {"x": x}, {})[0].shape)
        named = numbers | {"t": given("t")}
        outputs = trace(lambda a, x, t, **named: average.update(a, x, t, steps, np, **named), {"a": a, "x": x}, named)
        return self.update([full(outputs[0], a.shape)], {n: ("average", name) for name, n in numbers.items()})

    @property
    def seen_differs(self) -> bool:
        """Whether the loss that the optimizer sees is not the one to record: that of samples, or of the next update's objective."""
        return isinstance(self.parts.noise, SAMPLED) or self.parts.landscape.takes_step

    def numbers_at(self, t: int) -> dict[str, Any]:
        """The landscape's numbers at update t, from 1; before the first they are those of the first, after the last those of the last."""
        if not self.parts.landscape.takes_step:
            return self.p
        steps = self.study.steps
        step = {"t": max(1, min(t, steps)), "steps": steps}
        return self.p | {name: self.xp.asarray([[number]], dtype=self.xp.int64) for name, number in step.items()}

    def factors(self, first: int, count: int) -> np.ndarray:
        """What the learning rate is multiplied by in updates first .. first + count - 1, (points or 1, count) in float64: the schedule's
        factors, times the learning rate itself where it is a formula of t."""
        made = self.schedule_factors(first, count)
        return made * self.courses[RATE].table(first, count) if RATE in self.courses else made

    def schedule_factors(self, first: int, count: int) -> np.ndarray:
        """The schedule's factors of updates first .. first + count - 1, (points or 1, count) in float64."""
        schedule = self.parts.optimizer.schedule
        p = {}
        for path, value, structural in schedule.fields():
            column = self.columns.get(("schedule", *path), value)
            if course := self.courses.get(("optimizer", "schedule", *path)):
                p[path[-1]] = course.table(first, count)
            elif not structural and not isinstance(column, (str, bool)):
                p[path[-1]] = np.asarray(column, dtype=np.float64).reshape(-1, 1)
        factor = schedule.factor(np.arange(first, first + count), self.study.steps, p)
        return np.broadcast_arrays(factor, np.empty((1, count)))[0]

    def rates(self, first: int, count: int) -> Any:
        """Learning rates of updates first .. first + count - 1: (count, points or 1, 1), computed in float64."""
        lr = np.asarray(self.columns.get(("lr",), self.optimizer.lr), dtype=np.float64).reshape(-1, 1)
        table = (lr * self.factors(first, count)).T
        return self.xp.asarray(table.astype(self.study.precision)[:, :, None])

    # one step

    def look(self, x: Any, t: int) -> tuple[Any, Any]:
        """The loss at x and, unless the steps are over, what the rule needs to know: the gradient."""
        landscape = self.parts.landscape
        p = self.numbers_at(t + 1)
        if t == self.study.steps:
            return landscape.value(x, p, self.xp), None
        return landscape.value_and_grad(x, p, self.xp, self.batches(t))

    def prepare(self, t: int) -> None:
        """Put what the rules take at the update after step t, besides the point, the states and hyperparameters, into `now`, by name."""
        if self.moving is not None:
            self.refresh(t)
        first, rates = self.table
        if rates is None or t - first >= rates.shape[0]:
            first, rates = self.table = t, self.rates(t, min(1024, self.study.steps - t))
        self.t, self.now = t, {**self.constants, "lr": rates[t - first, ...]}
        if "xi" in self.optimizer.inputs():
            self.now["xi"] = self.own(t)[None, ...]

    @property
    def given(self) -> dict[str, Any]:
        """The inputs of the optimizer's rule by name, as they broadcast with the iterate: hyperparameters in float64, its constants, and what this
        step brings."""
        numbers = {path[0]: a for path, a in self.exact_p.items() if len(path) == 1} | {"lr": self.now["lr"]}
        return {**self.now, **{name: a[..., None] for name, a in numbers.items()}, "t": self.t + 1}

    def refresh(self, t: int) -> None:
        """Give numbers that are formulas of the step their values in the update after step t; after the last step those of the last update."""
        assert self.moving is not None
        for (owner, *rest), value in self.moving.at(min(t, self.study.steps - 1)):
            rounded = self.xp.asarray(value.astype(self.study.precision))[..., None]
            if owner == "noise":
                self.noise_p[rest[-1]] = rounded
            else:
                self.exact_p[tuple(rest)], self.optimizer_p[tuple(rest)] = self.xp.asarray(value), rounded

    def disturbed(self, g: Any, t: int) -> Any:
        """The gradient as the rule sees it: with the study's noise, clipped."""
        return self.clipped(self.noise(g, t))

    def clipped(self, g: Any) -> Any:
        clip = self.optimizer.clip
        return g if clip is None else type(clip).apply(g, self.optimizer_p[("clip", "at")], self.xp)

    def point(self, x: Any) -> Any:
        """The iterate (points, seeds, dim) that is recorded."""
        return x

    def move(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        """One update: (x, state)."""
        return self.moved(0, x, g, state, self.now)

    def moved(self, k: int, x: Any, g: Any, state: Any, now: dict[str, Any]) -> tuple[Any, Any]:
        """One update of a part of the point: (x, state)."""
        optimizer = self.pieces[k].optimizer
        held = dict(zip(optimizer.state, state, strict=True))
        new, *state = self.rule[k]({"x": x, optimizer.head[1]: g, **held, **now}, self.t + 1)
        return new, state

    def run(self, tick: Tick | None = None, checkpoint: Checkpoint = NOTHING) -> Iterator[Block | Outcome]:
        """The shard's records in blocks, then its outcome. `tick(steps)` is called now and then; what it raises ends the run. Goes on from
        the checkpoint, if there is one."""
        if not isinstance(self.parts.optimizer, RuleOptimizer):
            raise SpecError(f"{self.parts.optimizer.name}: the array executor has no rule for a {type(self.parts.optimizer).__name__}")
        with np.errstate(all="ignore"):
            yield from self._run(tick or (lambda steps: None), NOTHING if self.shard.group.diagnostics else checkpoint)

    def _run(self, tick: Tick, checkpoint: Checkpoint) -> Iterator[Block | Outcome]:
        study = self.study
        x = self.start()
        state, average = self.initial_state(x), self.first_average(x)
        self.table = (0, None)
        fate = Fate((x.shape[0], x.shape[1]), study.stop, study.steps, self.xp)
        if study.branch:
            other = self.branch_states()
            x, state, average = unpacked(self.xp.asarray(other.values), x, state, average, self.xp)
            fate.begin(other.status, other.last_step)
        view = SimulationView(self, x, state) if self.shard.group.diagnostics else None
        recorder, began = Recorder(self, view), study.first
        saved = checkpoint.load()
        if saved is not None:
            kept = {name: self.xp.asarray(value) for name, value in saved.items()}
            began, x, average = int(saved["t"]), kept["x"], kept.get("average")
            state = nested(state, [kept[f"state{k}"] for k in range(len(flat(state)))])
            fate.restore(kept)
            recorder.restore(kept)
        for t in range(began, study.steps + 1):
            loss, g = self.look(x, t)
            fate.judge(t, loss, x, lambda x=x: self.point(x))
            if t < study.steps:
                self.prepare(t)
            yield from recorder.note(t, x, None if self.seen_differs else loss, average, fate.status, state)
            if checkpoint.due():
                arrays = {f"state{k}": a for k, a in enumerate(flat(state))} | ({} if average is None else {"average": average})
                checkpoint.save({"t": t, "x": x, **arrays, **fate.kept(), **recorder.kept()})
            whole = t % TICK_STEPS == 0
            if whole and t:
                tick(TICK_STEPS)
            if t == study.steps:
                tick(t % TICK_STEPS)
                break
            if fate.all_over(whole):
                yield from recorder.fill()
                tick(study.steps - t + t % TICK_STEPS)
                break
            new, moved = self.move(x, self.disturbed(g, t), state)
            if view is not None:
                view.step(t, x, new, state, fate.status == RUNNING)
            x, state = fate.held(x, new), moved
            average = self.next_average(average, x, t)
        yield fate.outcome()
