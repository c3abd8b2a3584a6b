"""The array executor for optimizers made of particles: x is (points, seeds, particles, dim), the run's point their consensus."""

from functools import cached_property
from typing import Any

from ....optimizers._particles import consensus
from ....specs.init import File, Point
from ....specs.noise import SAMPLED
from ....specs.program.function import given
from ....specs.program.trace import trace
from .. import philox
from .rule import Update
from .simulation import Simulation
from .starts import start_of


class SwarmSimulation(Simulation):
    """A shard of swarms, which see values alone: of the whole landscape or, where the noise draws samples, of one batch a step that all
    particles of a run share. Noise in gradients does not apply."""

    @property
    def particles(self) -> int:
        return self.optimizer.particles

    @property
    def swarm_p(self) -> dict[str, Any]:
        """The landscape's numbers at this step's update with an axis for the particles."""
        return {name: v[..., None] if v.ndim == 2 else v[:, :, None, ...] for name, v in self.numbers_at(self.t + 1).items()}

    def first(self, kind: Any) -> Any:
        """Draws for the start, (seeds, particles, dim): every particle its own."""
        made = kind(self.study.root_seed, philox.INIT, self.seeds, [0], self.particles * self.dim, self.dtype, self.xp)[0, ...]
        return self.xp.reshape(made, (len(self.seeds), self.particles, self.dim))

    def start(self) -> Any:
        """x_0 (points, seeds, particles, dim); particles that start at one point lie on each other."""
        self.anneal(0)
        shape = (self.points, len(self.seeds), self.particles, self.dim)
        init, numbers = self.parts.init, self.init_p
        if isinstance(init, (Point, File)):
            return self.xp.zeros(shape, dtype=self.dtype) + super().start()[:, :, None, :]
        self.init_p = {name: v[..., None] for name, v in numbers.items()}
        try:
            return self.xp.zeros(shape, dtype=self.dtype) + start_of(self, init, shape)
        finally:
            self.init_p = numbers

    def make_own(self) -> Any:
        root, size, dtype = self.study.noise_root, self.particles * self.dim, self.dtype
        draws = self.draws(philox.OPTIMIZER, size, lambda s, t: philox.normal(root, philox.OPTIMIZER, s, t, size, dtype, self.xp))
        return lambda step: self.xp.reshape(draws.at(step), (len(self.seeds), self.particles, self.dim))

    def make_noise(self) -> Any:
        return lambda f, step: f

    def look(self, x: Any, t: int) -> tuple[Any, Any]:
        """The loss at the consensus, and the values of all particles (points, seeds, particles, 1)."""
        self.anneal(t)
        point, batch = self.point(x), self.batches(t)
        landscape, p = self.parts.landscape, self.numbers_at(t + 1)
        loss = landscape.value(point, p, self.xp) if batch is None else landscape.batch_value(point, p, self.xp, batch)
        self.loss = loss[..., None, None]
        return loss, self.seen

    def point(self, x: Any) -> Any:
        """The consensus (points, seeds, dim)."""
        if getattr(self, "at", None) is not x:
            self.seen, self.at = self.values(x)[..., None], x
            if self.optimizer.batch:
                self.seen = self.xp.where(self.chosen(self.t), self.seen, self.xp.asarray(float("inf"), dtype=x.dtype))
        return self.consensus({"x": x, "f": self.seen, "alpha": self.alpha}, self.t)[0][..., 0, :]

    @cached_property
    def consensus(self) -> Update:
        """The consensus point as a program."""
        x, f, alpha = given("x", (self.particles, self.dim)), given("f", (self.particles, 1)), given("alpha")
        return Update(trace(consensus, {"x": x, "f": f, "alpha": alpha}, {}), {}, self.dtype, self.xp)

    def values(self, x: Any) -> Any:
        """The values (points, seeds, particles) that count at this step."""
        xp, landscape, batch = self.xp, self.parts.landscape, self.batches(self.t)
        if batch is None:
            return landscape.value(x, self.swarm_p, xp)
        points, seeds, particles, dim = x.shape
        single = xp.reshape(xp.moveaxis(x, 2, 1), (points * particles, seeds, dim))  # the last axis but one goes with the batch's seeds
        p = {name: v if v.shape[0] == 1 else xp.repeat(v, particles, axis=0) for name, v in self.numbers_at(self.t + 1).items()}
        values = landscape.batch_value(single, p, xp, batch)
        return xp.moveaxis(xp.reshape(values, (points, particles, seeds)), 1, 2)

    def move(self, x: Any, g: Any, state: Any) -> tuple[Any, Any]:
        self.now |= {"alpha": self.alpha, "loss": self.loss}
        moved = super().move(x, g, state)
        self.anneal(self.t + 1)
        return moved

    def chosen(self, t: int) -> Any:
        """Whose values count in the consensus of step t, (seeds, particles, 1): those with the `batch` smallest random numbers."""
        xp, size = self.xp, min(self.optimizer.batch, self.particles)
        stream = philox.NOISE if isinstance(self.parts.noise, SAMPLED) else philox.BATCH  # samples come from the other one
        keys = philox.uniform(self.study.noise_root, stream, self.seeds, [t], self.particles, self.dtype, xp)[0, ...]
        return (keys <= xp.sort(keys, axis=-1)[..., size - 1 : size])[..., None]

    def anneal(self, t: int) -> None:
        """alpha (points or 1, 1) as it is at step t."""
        if self.moving is not None:
            self.refresh(t)
        p, self.t = self.optimizer_p, t
        self.alpha = self.xp.minimum(p[("alpha",)] * p[("alpha_growth",)] ** t, p[("alpha_max",)])[..., 0]
