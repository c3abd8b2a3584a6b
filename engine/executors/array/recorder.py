"""What the array executor gives out: records in blocks."""

from collections.abc import Iterator
from typing import Any

from ....specs.record import SINGULAR, VECTORS
from ..outcome import DIVERGED, Block
from ..state import packed


class Recorder:
    """Collects what is stored, and gives it out in blocks of at most the group's step chunk."""

    def __init__(self, simulation: Any, watch: Any = None):
        self.simulation, self.watch, self.xp = simulation, watch, simulation.xp
        group = simulation.shard.group
        self.steps, self.chunk, self.variables, self.diagnostics = group.steps, group.step_chunk, group.recorded, group.diagnostics
        self.states = {int(t): k for k, t in enumerate(group.state_steps)}
        self.next = self.start = 0
        self.held: dict[str, list[Any]] = {name: [] for name in self.variables}

    def note(self, t: int, x: Any, loss: Any, average: Any, status: Any, state: Any) -> Iterator[Block]:
        """Record step t if it is one to store."""
        if t in self.states:
            whole = packed(x, state, average, self.xp)[:, :, None, :]
            yield Block(self.states[t], self.states[t] + 1, {"state": whole})
        if self.next >= len(self.steps) or self.steps[self.next] != t:
            return
        xp, landscape, p = self.xp, self.simulation.parts.landscape, self.simulation.p
        observed: dict[str, Any] = {}
        gone = status == DIVERGED
        if average is not None:
            average = self.simulation.optimizer.average.estimate(average, xp)
        for name in self.variables:
            value: Any
            if name == "loss":
                value = loss if loss is not None else landscape.value(self.simulation.point(x), p, xp)
            elif name == "params":
                value = self.simulation.point(x)
            elif name == "average_params":
                value = average
            elif name == "swarm":
                value = x
            elif name == "average_loss":
                value = landscape.value(average, p, xp)
            elif name in self.diagnostics:
                value = self.watch.see(name, t, x, state)
            else:
                observed = observed or landscape.observe(self.simulation.point(x), p, xp)
                value = observed[name]
            mask = xp.reshape(gone, (*gone.shape, *(1,) * (len(value.shape) - 2)))
            self.held[name].append(xp.where(mask, xp.asarray(float("nan"), dtype=x.dtype), value))
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
        self.start, self.held = self.next, {name: [] for name in self.variables}
        return block

    def fill(self) -> Iterator[Block]:
        """All runs are over: the records still to come are NaN."""
        while self.next < len(self.steps):
            for name in self.variables:
                self.held[name].append(self.xp.zeros(self.shape(name), dtype=self.simulation.dtype) * float("nan"))
            self.next += 1
            if self.next - self.start == self.chunk or self.next == len(self.steps):
                yield self.flush()

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one record of a variable."""
        simulation = self.simulation
        own: tuple[int, ...] = ()
        if name in VECTORS:
            own = (simulation.dim,)
        elif name == "swarm":
            own = (simulation.particles, simulation.dim)
        elif name in SINGULAR:
            own = (sum(min(shape) for shape in simulation.parts.landscape.blocks.values() if len(shape) == 2),)
        return (simulation.points, len(simulation.seeds), *own)
