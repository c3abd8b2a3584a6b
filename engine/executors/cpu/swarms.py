"""The fused executor for optimizers made of particles: a lane is a run, with all its particles."""

from typing import Any

import numpy as np

from ..array.swarms import SwarmSimulation
from ..codegen.sources import SWARM_LANES
from ..tensors.aligned import align
from .arguments import Room, State
from .points import FusedSimulation


class FusedSwarm(FusedSimulation):
    """One shard of swarms as lane blocks."""

    reference = SwarmSimulation

    def width(self, group: int) -> int:
        return SWARM_LANES

    @property
    def work(self) -> int:
        return self.dim * self.base.particles

    def others(self) -> list[Any]:
        return [self.base.optimizer_p[(name,)] for name in ("alpha", "alpha_growth", "alpha_max")]

    def component(self) -> tuple[Any, ...]:
        return ()

    def room(self, records: int) -> Room:
        particles, made = self.base.particles, self.empty
        rows = -(-particles * self.dim // 2) * 2 if "xi" in self.rule.inputs() else 0
        of_points = super().room(records)
        return of_points._replace(
            gradient=None,
            normals=None,
            xi=made(self.drawn, rows),
            consensus=made(self.dim),
            values=made(particles),
            weighing=made(3),
            no_states=made(0, self.dim),
        )

    def state(self) -> State:
        optimizer, particles = self.rule, self.base.particles
        X = align(self.swarms(self.base.start()))
        S = np.zeros((self.blocks, particles, len(optimizer.state), self.dim, self.W), self.dtype)
        A = np.zeros((self.blocks, self.dim if optimizer.average else 0, self.W), self.dtype)
        if optimizer.average:
            A[...] = self.lanes(self.base.point(self.base.start()))
        return State(X, S, A, *self.begun())

    def swarms(self, values: Any) -> np.ndarray:
        """(points, seeds, particles, dim) -> (blocks, particles, dim, W)."""
        shape = (self.base.particles, self.dim)
        flat = np.broadcast_to(values, (self.points, self.seeds, *shape)).reshape(-1, *shape)
        return np.moveaxis(flat[self.lane_run].reshape(self.blocks, self.W, *shape), 1, -1)

    def outputs(self, records: int) -> tuple[np.ndarray, ...]:
        runs, kept = self.points * self.seeds, "swarm" in self.shard.group.recorded
        shape = (runs, records, self.base.particles, self.dim) if kept else (0, 0, 0, 0)
        return *super().outputs(records), np.empty(shape, self.dtype)

    def named(self, out: tuple[np.ndarray, ...]) -> dict[str, Any]:
        made = super().named(out)
        if "swarm" in self.shard.group.recorded:
            made["swarm"] = out[3].reshape(self.points, self.seeds, *out[3].shape[1:])
        return made
