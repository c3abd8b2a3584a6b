"""From a landscape that is a formula over tensors to compiled functions: value and gradient on a batch, value and observables on all data."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ....specs.landscapes._program import STEP, Program
from ....specs.landscapes._tensor_landscape import ProgramLandscape
from ....specs.program.arrays import Evaluation
from ....specs.program.function import array, given
from ....specs.program.node import Node, apply, ordered
from ....specs.program.numpy_functions import Untraceable
from ....specs.program.split import replaced
from ....specs.program.trace import trace
from ..codegen.refusal import NotFusable
from ..codegen.written_out import Arrays
from .ahead import fixed_parts
from .aligned import aligned
from .expand import expanded
from .loops import Schedule
from .places import Place, numbers, row_major, whole_lines
from .source import COMPUTE, Compute, source
from .step_source import Gather
from .transposed import kept_transposed
from .zero_terms import without_zero_terms

FRESH = "fresh'"
"""The input of normal numbers that new samples are made of."""
TRANSPOSED = " transposed"
"""What the names of transposed copies of data end with."""


class Layout:
    """Where the inputs of a landscape's programs lie: `x` the run's variables, `shared` what all runs share, `own` the run's numbers."""

    def __init__(self, land: ProgramLandscape, precision: str, lanes: int, write: Callable[..., Compute] = source, large: float = math.inf):
        """`write` makes the text of a program, as `source` does for the processor; `large` is that of Schedule."""
        self.land, self.precision, self.lanes, self.write, self.large = land, precision, lanes, write, large
        self.pieces: list[np.ndarray] = []
        self.shared = 0
        self.known: dict[object, Place] = {}
        formula = land._formula
        self.own: dict[str, Place] = {name: Place("scalar", k, ()) for k, name in enumerate((*STEP, *formula.parameters))}
        """Numbers of a run; the first of all is the step, which changes."""
        self.drawn_size = 0
        for name in formula.drawn:
            if name in formula.fresh and not land.holds_samples:
                continue
            shape = land.program().inputs[name].shape
            self.own[name] = self.room_in_drawn(shape)
        self.random = {name for name, place in self.own.items() if place.base == "drawn"}
        swept = {path[-1] for path in land.swept()}
        self.still = {*self.random, *(name for name in formula.parameters if name not in swept)}
        """The inputs besides data that stay the same while a run goes on, and are the same in all runs of a seed."""
        given_numbers = land.numbers()
        self.zeros = {name for name in formula.parameters if name in self.still and given_numbers[name] == 0}
        """Numbers that are 0 in all runs."""
        self.ahead: dict[Node, Node] = {}
        """Parts that are computed before a run -> the inputs in their place."""
        self.of_data: dict[str, np.ndarray] = {}
        """Those among them that hang on data alone, by the name of that input."""
        self.of_seeds: dict[str, Node] = {}
        """Those that hang on what is random."""

    def room_in_drawn(self, shape: tuple[int, ...]) -> Place:
        """A place for an array that every seed has its own of."""
        offset = self.drawn_size
        self.drawn_size += whole_lines(math.prod(shape), self.lanes)
        return Place("drawn", offset, row_major(shape))

    def keep(self, key: object, values: np.ndarray) -> Place:
        """A place in `shared` for these numbers, with padded rows."""
        if key not in self.known:
            values = np.asarray(values)
            strides = row_major(values.shape, self.lanes)
            size = whole_lines(numbers(values.shape, self.lanes), self.lanes)
            room = np.zeros(size, self.precision)
            itemsize = room.itemsize
            np.lib.stride_tricks.as_strided(room, values.shape, [s * itemsize for s in strides])[...] = values
            self.pieces.append(room)
            self.known[key] = Place("shared", self.shared, strides)
            self.shared += size
        return self.known[key]

    def shared_numbers(self) -> np.ndarray:
        """All that runs share, from a line of the cache on, with room for vectors that reach beyond."""
        made = aligned((self.shared + 8 * self.lanes,), np.dtype(self.precision))
        made[self.shared :] = 0
        np.concatenate([*self.pieces, made[:0]], out=made[: self.shared])
        self.pieces = [made[: self.shared]]
        return made

    def compute(self, outputs: Sequence[Node], targets: Sequence[Place], rows: int | None) -> Compute:
        """The function that puts these outputs at these places."""
        outputs = without_zero_terms(outputs, self.zeros)
        outputs = expanded(self.with_ahead(outputs, rows), self.precision)
        outputs = kept_transposed(outputs, self.lanes, lambda n: self.transposed(n, rows))
        places: dict[int, Place] = {}
        gathers: list[Gather] = []
        taken = 0
        blocks = self.land.block_slices
        for n in ordered(outputs):
            if n.function.name == "array":
                entries = n.option("entries")
                places[id(n)] = self.keep(entries, entries.array)
            elif n.function.name == "input":
                label = n.option("name")
                if label == FRESH:
                    places[id(n)] = Place("fresh", 0, row_major(n.shape))
                elif label in blocks:
                    places[id(n)] = Place("x", blocks[label].start, row_major(n.shape))
                else:
                    whole = self.own.get(label) or self.known.get(label) or self.keep(label, self.data(label))
                    if rows is not None and label in self.land._of_samples["n"]:
                        target = Place("arena", taken, row_major(n.shape, self.lanes))
                        if n.ndim == 1:
                            target = Place("arena", taken, (1,) if n.shape[0] > 1 else (0,))
                        width = math.prod(n.shape[1:])
                        steps = target.strides[0] if n.shape[0] > 1 else 0
                        gathers.append(Gather(whole, Place("arena", taken, (steps,)), n.shape[0], width))
                        taken += whole_lines(numbers(n.shape, self.lanes), self.lanes)
                        places[id(n)] = target
                    else:
                        places[id(n)] = whole
        wanted = {id(n): place for n, place in zip(outputs, targets, strict=True) if n.function.name != "input"}
        schedule = Schedule(outputs, places, self.lanes, wanted, taken, self.large)
        return self.write(schedule, self.precision, self.lanes, "compute", COMPUTE, list(zip(outputs, targets, strict=True)), gathers)

    def with_ahead(self, outputs: Sequence[Node], rows: int | None) -> list[Node]:
        """The outputs with inputs in the place of what is computed before a run."""
        own = {*self.own, *self.land.block_slices, FRESH}
        data = {n.option("name") for n in ordered(outputs) if n.function.name == "input"} - own
        sampled = set() if rows is None else set(self.land._of_samples["n"])
        by = {}
        for n in fixed_parts(outputs, (self.still | data) - sampled):
            if n not in self.ahead:
                label = f"ahead {len(self.ahead)}"
                self.ahead[n] = given(label, n.shape, n.kind)
                if self.random.isdisjoint(m.option("name") for m in ordered([n]) if m.function.name == "input"):
                    self.of_data[label] = self.value(n, {})
                else:
                    self.own[label], self.of_seeds[label] = self.room_in_drawn(n.shape), n
            by[id(n)] = self.ahead[n]
        return replaced(outputs, by) if by else list(outputs)

    def value(self, n: Node, random: Mapping[str, np.ndarray]) -> np.ndarray:
        """What is computed before a run, from what is random, (1, seeds, ...) each."""
        names = [m.option("name") for m in ordered([n]) if m.function.name == "input"]
        numbers = self.land.numbers()
        arrays = {name: np.reshape(numbers[name], (1, 1)) for name in names if name in numbers and name not in random}
        arrays |= {name: random[name] for name in names if name in random}
        arrays |= {name: np.asarray(self.data(name)) for name in names if name not in arrays}
        (made,) = Evaluation([n])(np, {name: a.astype(self.precision) if a.dtype.kind == "f" else a for name, a in arrays.items()})
        return made if random else made.reshape(n.shape)

    def transposed(self, n: Node, rows: int | None) -> Node | None:
        """The transpose of data that stay the same for all steps, as an input or array of its own; None for all else."""
        if n.ndim < 2:
            return None
        if n.function.name == "array":
            return array(np.swapaxes(n.option("entries").array, -1, -2))
        label = n.option("name") if n.function.name == "input" else FRESH
        if label in (FRESH, *self.own, *self.land.block_slices) or (rows is not None and label in self.land._of_samples["n"]):
            return None
        return given(label + TRANSPOSED, (*n.shape[:-2], n.shape[-1], n.shape[-2]), n.kind)

    def data(self, label: str) -> np.ndarray:
        """X, y, X_test or y_test, what is computed of them before a run, or the transpose of such; classes by their number."""
        if label.endswith(TRANSPOSED):
            return np.swapaxes(self.data(label.removesuffix(TRANSPOSED)), -1, -2)
        if label in self.of_data:
            return self.of_data[label]
        data = self.land.dataset
        assert data is not None
        test = label.endswith("_test")
        if label[0] == "X":
            return data.x_test if test else data.x
        return data.codes(test) if self.land.labels_are_classes else data.y_test if test else data.y

    def gradient(self, rows: int | None, samples: int = 0) -> Compute:
        """The gradient at `out`, the loss behind it: of so many rows of the data, or of so many new samples, made of normal numbers at `fresh`."""
        if samples:
            program = self.land.program(samples, self.land._formula.batch, online=True)
            outputs = self.with_fresh([program.loss, *program.gradient], program, samples)
        else:
            program = self.land.program(rows)
            outputs = [program.loss, *program.gradient]
        targets = [
            Place("out", s.start, row_major(shape))
            for s, shape in zip(self.land.block_slices.values(), self.land.blocks.values(), strict=True)
        ]
        return self.compute(outputs, [Place("out", self.land.size, ()), *targets], rows)

    def with_fresh(self, outputs: list[Node], program: Program, samples: int) -> list[Node]:
        """The outputs with what new samples are made of in their place: normal numbers. Raises NotFusable."""
        normal = given(FRESH, (1, samples, self.land.sample_size))
        names = list(self.land._formula.fresh)
        try:
            made = trace(lambda z: list(self.land.new_samples(z, Arrays()).values()), {"z": normal}, {}, self.precision)
        except (Untraceable, NotImplementedError, TypeError, AttributeError, ValueError) as why:
            raise NotFusable(f"new samples cannot be made in a kernel{f': {why}' if str(why) else ''}") from None
        by = {}
        for name, drawn in zip(names, made, strict=True):
            wanted = program.inputs[name]
            if drawn.size != wanted.size:
                raise NotFusable(f"new samples {name} of another shape")
            by[id(wanted)] = apply("reshape", drawn, shape=wanted.shape)
        return replaced(outputs, by)

    def looks(self, observed: Sequence[str]) -> Compute:
        """The loss on all data, and these observables."""
        program = self.land.program(None)
        outputs = [program.loss, *(program.watched[name] for name in observed)]
        return self.compute(outputs, [Place("out", k, ()) for k in range(len(outputs))], None)
