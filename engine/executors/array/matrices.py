"""The array executor for optimizers of matrices: every matrix block of the landscape by their rule, all others by AdamW."""

import math
from typing import Any

from ....optimizers.adamw import AdamW
from .simulation import Simulation


class BlockSimulation(Simulation):
    """A shard whose state is, block by block, that of the optimizer's rule or of AdamW."""

    @property
    def pieces(self) -> list[tuple[slice, tuple[int, ...]]]:
        """Where each block lies in the flat point, and its shape."""
        landscape = self.parts.landscape
        return list(zip(landscape.block_slices.values(), landscape.blocks.values(), strict=True))

    def initial_state(self, x: Any) -> list[Any]:
        """A tuple of states a block."""
        xp, made = self.xp, []
        for where, shape in self.pieces:
            block = self.block(x, where, shape)
            if len(shape) == 2:
                square = self.optimizer.square
                eye = {name: xp.eye(shape[axis], dtype=x.dtype) for name, axis in square.items()}
                lead = xp.zeros((*x.shape[:2], 1, 1), dtype=x.dtype)
                made.append(tuple(lead + eye[s] if s in square else xp.zeros_like(block) for s in self.optimizer.state))
            else:
                made.append(tuple(xp.zeros_like(block) for _ in AdamW.state))
        return made

    def block(self, x: Any, where: slice, shape: tuple[int, ...]) -> Any:
        part = x[..., where]
        return self.xp.reshape(part, (*x.shape[:2], *shape)) if len(shape) == 2 else part

    def rates(self, first: int, count: int) -> Any:
        factors = self.factors(first, count).T.astype(self.study.precision)
        self.rest_factors = self.xp.asarray(factors[:, :, None, None])
        return super().rates(first, count)

    def prepare(self, t: int) -> None:
        super().prepare(t)
        self.factor = self.rest_factors[t - self.table[0], ...]  # the schedule's, for `rest`

    def move(self, x: Any, g: Any, state: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
        xp, rest = self.xp, self.optimizer.rest
        matrix = {name: v[..., None] if hasattr(v, "shape") and v.shape else v for name, v in inputs.items()}
        vector = {name: self.weak(("rest", name)) for name in rest.inputs() if name != "t"} | {"t": inputs["t"]}
        vector["lr"] = self.optimizer_p[("rest", "lr")] * self.factor
        adamw = self.bound(AdamW.update)
        parts, states = [], []
        for (where, shape), held in zip(self.pieces, state, strict=True):
            w, h = self.block(x, where, shape), self.block(g, where, shape)
            given = {name: v for name, v in matrix.items() if name != "t" or "t" in self.optimizer.inputs()}
            new, *held = self.rule(w, h, *held, **given) if len(shape) == 2 else adamw(w, h, *held, **vector)
            parts.append(xp.reshape(new, (*x.shape[:2], math.prod(shape))))
            states.append(tuple(held))
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=-1), states

    def inputs(self) -> dict[str, Any]:
        return {**super().inputs(), "t": None, "lr": None}
