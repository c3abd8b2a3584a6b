"""The array executor for optimizers of matrices: every matrix block of the landscape by their rule, all others by AdamW."""

import math
from typing import Any

from ....optimizers._rule import Part
from ....optimizers.adamw import AdamW
from .simulation import Simulation


class BlockSimulation(Simulation):
    """A shard whose state is, block by block, that of the optimizer's rule or of AdamW."""

    def initial_state(self, x: Any) -> list[Any]:
        """A tuple of states a block."""
        xp, made = self.xp, []
        for part in self.pieces:
            shape, block = part.shape, self.block(x, part)
            if len(shape) == 2:
                square = self.optimizer.square
                eye = {name: xp.eye(shape[axis], dtype=x.dtype) for name, axis in square.items()}
                lead = xp.zeros((*x.shape[:2], 1, 1), dtype=x.dtype)
                made.append(tuple(lead + eye[s] if s in square else xp.zeros_like(block) for s in self.optimizer.state))
            else:
                made.append(tuple(xp.zeros_like(block) for _ in AdamW.state))
        return made

    def block(self, x: Any, part: Part) -> Any:
        """A part of the flat point in its shape."""
        there = x[..., part.where]
        return self.xp.reshape(there, (*x.shape[:2], *part.shape)) if len(part.shape) == 2 else there

    def rates(self, first: int, count: int) -> Any:
        factors = self.schedule_factors(first, count).T.astype(self.study.precision)
        self.rest_factors = self.xp.asarray(factors[:, :, None])
        return super().rates(first, count)

    def prepare(self, t: int) -> None:
        super().prepare(t)
        self.rest_rate = self.optimizer_p[("rest", "lr")][..., 0] * self.rest_factors[t - self.table[0], ...]

    def move(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        moved, states = [], []
        for k, (part, held) in enumerate(zip(self.pieces, state, strict=True)):
            now = {**self.now, "lr": self.rest_rate} if part.owner else self.now
            new, after = self.moved(k, self.block(x, part), self.block(g, part), held, now)
            moved.append(self.xp.reshape(new, (*x.shape[:2], math.prod(part.shape))))
            states.append(tuple(after))
        return moved[0] if len(moved) == 1 else self.xp.concat(moved, axis=-1), states
