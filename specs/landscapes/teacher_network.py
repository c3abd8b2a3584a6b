"""A network that learns from a teacher of its own shape, on a finite sample."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..base import Count, Positive
from ..dual import derivative
from ..init import FanIn, Init
from ..sweep import Structural, Swept, resolved
from ._two_layer import TwoLayer, picked, slope
from .base import Arrays


class TeacherNetwork(TwoLayer):
    r"""f = 1/(2 n) sum_i (y^_i - y_i)^2, student y^ = out(phi(x W1) w2), teacher y = out(phi(x T1) t2), x ~ N(0, I/2), n `samples`.

    Every seed has its own inputs and teacher, whose entries are uniform with the bounds teacher_range / sqrt(inputs) and
    teacher_range / sqrt(hidden); `init: solution` starts at the teacher. `activation` phi: linear, tanh, relu, sigmoid; `output` activation: out =
    phi, as in the paper's code; linear. `backward` is what the optimizers get as the gradient: exact; no_output_slope omits out', as the
    paper's code does; alignment propagates the error through fixed random numbers instead of w2 (feedback alignment, arXiv:1411.0247).
    Observables: test_error, half the mean squared error on `test_samples` new inputs; alignment, the cosine between what optimizers get
    and the gradient. Source: arXiv:2510.02765 (setting of its figures 5 to 8).
    """

    kind: Literal["teacher_network"] = "teacher_network"
    inputs: Structural[Count] = 20
    samples: Structural[Count] = 100
    test_samples: Structural[Count] = 200
    teacher_range: Swept[Positive] = 1.0
    output: Structural[Literal["activation", "linear"]] = "activation"
    backward: Structural[Literal["exact", "no_output_slope", "alignment"]] = "exact"

    source = "arXiv:2510.02765"

    @property
    def fan(self) -> int:
        return resolved(self.inputs)

    @property
    def out(self) -> str:
        return resolved(self.activation) if resolved(self.output) == "activation" else "linear"

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("test_error", "alignment")

    @property
    def disorder_size(self) -> int:
        return self.size + resolved(self.hidden) + (resolved(self.samples) + resolved(self.test_samples)) * self.fan

    @property
    def sample_size(self) -> int:
        return self.fan

    def batch_count(self) -> int:
        return resolved(self.samples)

    def start(self) -> Init:
        return FanIn(gain=3**-0.5)

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`teacher` (seeds, dim) of range 1, `carrier` (seeds, hidden), the inputs `seen` and `unseen` (seeds, n, inputs)."""
        from scipy.special import ndtr

        z, hidden = normal(self.disorder_size), resolved(self.hidden)
        teacher, carrier, seen, unseen = np.split(z, np.cumsum([self.size, hidden, resolved(self.samples) * self.fan]), axis=1)
        bound = np.concatenate([np.full(self.fan * hidden, self.fan**-0.5), np.full(hidden, hidden**-0.5)])
        inputs = [(part * 0.5**0.5).reshape(len(z), -1, self.fan) for part in (seen, unseen)]
        teacher = ((2 * ndtr(teacher) - 1) * bound).astype(z.dtype)
        return {"teacher": teacher, "carrier": (carrier * hidden**-0.5).astype(z.dtype), "seen": inputs[0], "unseen": inputs[1]}

    def solution(self, p: Arrays, xp: Any) -> Any:
        return p["teacher"] * xp.asarray(p["teacher_range"], dtype=p["teacher"].dtype)[..., None]

    def data(self, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        fresh: Any = batch
        inputs = picked(p["seen"], batch, xp) if batch is None or len(batch.shape) == 2 else fresh[None, ...] * 0.5**0.5
        return inputs, self.taught(inputs, p, xp)

    def taught(self, inputs: Any, p: Arrays, xp: Any) -> Any:
        """The teacher's outputs."""
        return self.forward(*self.layers(self.solution(p, xp), xp), inputs, xp)[1]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        return self.descended(x, p, xp, batch, resolved(self.backward))

    def hvp(self, x: Any, v: Any, p: Arrays, xp: Any) -> Any:
        """Of the loss, whatever `backward` makes of its gradient."""
        return derivative(lambda space, at: (self.descended(at, p, space, None, "exact")[1],), (x,), (v,), xp)[1][0]

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        error = self.loss(x, p["unseen"], self.taught(p["unseen"], p, xp), xp)
        exact, given = (self.descended(x, p, xp, None, way)[1] for way in ("exact", resolved(self.backward)))
        sizes = [xp.sqrt(xp.sum(g * g, axis=-1)) for g in (exact, given)]
        return {"test_error": error, "alignment": xp.sum(exact * given, axis=-1) / (sizes[0] * sizes[1])}

    def descended(self, x: Any, p: Arrays, xp: Any, batch: Any, way: str) -> tuple[Any, Any]:
        """Loss and gradient, or what stands for it."""
        inputs, targets = self.data(p, xp, batch)
        first, second = self.layers(x, xp)
        h, y = self.forward(first, second, inputs, xp)
        error = y - targets
        delta = error / error.shape[-1] * (1.0 if way == "no_output_slope" else slope(self.out, y, xp))
        carrier = p["carrier"][..., None] if way == "alignment" else second
        return 0.5 * xp.mean(error * error, axis=-1), self.backpropagated(carrier, inputs, h, delta, xp)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"inputs": 4, "hidden": 3, "samples": 12, "test_samples": 5}
