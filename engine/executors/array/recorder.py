"""What the array executor gives out: records in blocks."""

from collections.abc import Iterator
from typing import Any

from ....specs.variables import Variable, components
from ..outcome import DIVERGED, Block
from ..state import packed


class Recorder:
    """Collects what is stored, and gives it out in blocks of at most the group's step chunk."""

    def __init__(self, simulation: Any, view: Any = None):
        self.simulation, self.view, self.xp = simulation, view, simulation.xp
        group = simulation.shard.group
        self.steps, self.chunk, self.variables = group.steps, group.step_chunk, group.variables
        self.states = {int(t): k for k, t in enumerate(group.state_steps)}
        self.next = self.start = 0
        self.held: dict[str, list[Any]] = {variable.name: [] for variable in self.variables}

    def note(self, t: int, x: Any, loss: Any, average: Any, status: Any, state: Any) -> Iterator[Block]:
        """Record step t if it is one to store."""
        if t in self.states:
            whole = packed(x, state, average, self.xp)[:, :, None, :]
            yield Block(self.states[t], self.states[t] + 1, {"state": whole})
        if self.next >= len(self.steps) or self.steps[self.next] != t:
            return
        xp, landscape, p, point = self.xp, self.simulation.parts.landscape, self.simulation.numbers_at(t), self.simulation.point(x)
        if average is not None:
            average = self.simulation.optimizer.average.estimate(average, xp)
        own = {
            "loss": lambda: loss if loss is not None else landscape.value(point, p, xp),
            "params": lambda: point,
            "swarm": lambda: x,
            "average_loss": lambda: landscape.value(average, p, xp),
            "average_params": lambda: average,
        }
        observed: dict[str, Any] = {}
        gone = status == DIVERGED
        for variable in self.variables:
            if variable.diagnostic is not None:
                value = xp.astype(variable.diagnostic.see(self.view.look(t, x, state)), x.dtype)
            elif variable.name in own:
                value = own[variable.name]()
            else:
                observed = observed or landscape.observe(point, p, xp)
                value = observed[variable.name]
            mask = xp.reshape(gone, (*gone.shape, *(1,) * (len(value.shape) - 2)))
            self.held[variable.name].append(xp.where(mask, xp.asarray(float("nan"), dtype=x.dtype), value))
        self.next += 1
        if self.next - self.start == self.chunk or self.next == len(self.steps):
            yield self.flush()

    def kept(self) -> dict[str, Any]:
        """What a checkpoint needs: the next record, and those not given out yet."""
        held = {f"held_{name}": self.xp.stack(values, axis=0) for name, values in self.held.items() if values}
        return {"next": self.next, "start": self.start, **held}

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on from there."""
        self.next, self.start = int(kept["next"]), int(kept["start"])
        for name in self.held:
            values = kept.get(f"held_{name}")
            self.held[name] = [] if values is None else [values[k, ...] for k in range(values.shape[0])]

    def flush(self) -> Block:
        data = {name: self.xp.stack(values, axis=2) for name, values in self.held.items()}
        block = Block(self.start, self.next, data)
        self.start, self.held = self.next, {name: [] for name in self.held}
        return block

    def fill(self) -> Iterator[Block]:
        """All runs are over: the records still to come are NaN."""
        while self.next < len(self.steps):
            for variable in self.variables:
                self.held[variable.name].append(self.xp.zeros(self.shape(variable), dtype=self.simulation.dtype) * float("nan"))
            self.next += 1
            if self.next - self.start == self.chunk or self.next == len(self.steps):
                yield self.flush()

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """The shape of one record of a variable: (points, seeds), and its own; components of all blocks lie in one row."""
        parts = self.simulation.parts
        arrays = list(variable.arrays(parts.landscape.blocks, parts.particles).values())
        in_row = variable.own is components or len(arrays) > 1
        own = (variable.size(parts.landscape.blocks, parts.particles),) if in_row else tuple(arrays[0].values())
        return (self.simulation.points, len(self.simulation.seeds), *own)
