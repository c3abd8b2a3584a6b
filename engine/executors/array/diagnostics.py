"""What diagnostics see of a simulation (specs/diagnostics/base.py, View): one step of a shard of single iterates, in float64.

Derivatives are exact: Hessian-vector products of the landscape (`Landscape.hvp`), dual numbers through the optimizer's rule (`specs.dual`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ....specs.diagnostics._linear_algebra import direction, norm
from ....specs.diagnostics.base import View
from ....specs.dual import derivative
from ...store.checkpoint import flat, nested


@dataclass
class Tangent:
    """How an infinitesimally close run differs: iterate first, then the parts of the state, together of length 1."""

    parts: list[Any]
    growth: Any
    moves: Any

    @property
    def tangent(self) -> Any:
        return self.parts[0]


class SimulationView:
    """Follows a simulation where diagnostics are recorded. `look` turns it to a step, `step` takes it along an update."""

    twin: Any = None

    def __init__(self, simulation: Any, x: Any, state: Any):
        self.simulation, self.xp, self.t = simulation, simulation.xp, -1
        self.landscape, self.p = simulation.parts.landscape, self.exact_numbers(0)
        self.update = self.exact(x) * float("nan")
        self.known: dict[Any, Any] = {}
        if any(diagnostic.needs_twin for diagnostic in simulation.shard.group.diagnostics):
            x, none = self.exact(x), self.xp.zeros(x.shape[:-1], dtype=self.xp.float64)
            self.twin = Tangent([direction(x, self.xp), *(self.exact(0 * part) for part in flat(state))], none, none)

    def exact(self, a: Any) -> Any:
        """An array in float64."""
        return self.xp.astype(a, self.xp.float64)

    def look(self, t: int, x: Any, state: Any) -> View:
        """The view of step t, at the iterate x with this state."""
        if t != self.t:
            self.t, self.x, self.state, self.known = t, self.exact(x), state, {}
            if self.landscape.takes_step:
                self.p = self.exact_numbers(t)
        return self

    def exact_numbers(self, t: int) -> dict[str, Any]:
        """The landscape's numbers at update t in float64."""
        return {name: self.exact(v) for name, v in self.simulation.numbers_at(t).items()}

    @property
    def given(self) -> Mapping[str, Any]:
        return self.simulation.given

    def once(self, function: Callable[[View], Any]) -> Any:
        if function not in self.known:
            self.known[function] = function(self)
        return self.known[function]

    def gradient(self) -> Any:
        return self.landscape.value_and_grad(self.x, self.p, self.xp)[1]

    def hvp(self, v: Any) -> Any:
        return self.landscape.hvp(self.x, v, self.p, self.xp)

    def jacobian(self) -> Any:
        return self.landscape.jacobian(self.x, self.p, self.xp)

    def gradient_along(self, v: Any) -> tuple[Any, Any]:
        return self.landscape.gradient_along(self.x, v, self.p, self.xp)

    def next_along(self, v: Any, turn: Any) -> Any:
        gradient, still = self.once(rule_gradient), [self.exact(0 * part) for part in flat(self.state)]
        return self.moved(self.x, v, self.state, still, gradient, turn)[0]

    def step(self, t: int, x: Any, new: Any, state: Any, moving: Any) -> None:
        """The simulation moves from x, with `state`, to `new` in the update after step t; runs that are not `moving` are over."""
        x, twin = self.exact(x), self.twin
        self.update = self.exact(new) - x
        if twin is None:
            return
        xp = self.xp
        p = self.exact_numbers(t + 1) if self.landscape.takes_step else self.p
        gradient, turn = self.landscape.gradient_along(x, twin.parts[0], p, xp, self.simulation.batches(t))
        moved = self.moved(x, twin.parts[0], state, twin.parts[1:], gradient, turn, t)
        size = xp.sqrt(sum((norm(xp.reshape(part, (*part.shape[:2], -1)), xp) ** 2 for part in moved), 0.0))
        twin.growth = twin.growth + xp.where(moving, xp.log(size), 0 * twin.growth)
        twin.moves = twin.moves + xp.astype(moving, xp.float64)
        over = xp.where(size > 0, 1 / size, 0 * size)
        twin.parts = [part * xp.reshape(over, (*over.shape, *(1,) * (len(part.shape) - 2))) for part in moved]

    def moved(self, x: Any, v: Any, state: Any, tangent: list[Any], gradient: Any, turn: Any, t: int | None = None) -> list[Any]:
        """How the next iterate and state, in one list, move where x moves along v, its gradient along `turn` and the state along `tangent`: in
        the update after step t, with its noise; without t in the noiseless one."""
        simulation = self.simulation

        def update(space: Any, x: Any, g: Any, *held: Any) -> tuple[Any, ...]:
            other = simulation.in_float64(space)
            seen = other.clipped(g) if t is None else other.disturbed(g, t)
            new, after = other.move(x, seen, nested(state, list(held)))
            return new, *flat(after)

        return derivative(update, (x, gradient, *map(self.exact, flat(state))), (v, turn, *tangent), self.xp)[1]


def rule_gradient(view: View) -> Any:
    """The gradient that optimizers get without noise; of some landscapes it is another than that of the value."""
    return view.gradient_along(view.xp.zeros_like(view.x))[0]
