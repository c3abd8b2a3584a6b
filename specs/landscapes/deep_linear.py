"""A two-layer linear network on inputs of uneven size."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ..base import Count, Real
from ..init import FanIn, Init
from ..sweep import Structural, Swept, resolved
from .base import Arrays, Landscape


class DeepLinear(Landscape):
    r"""Population loss f(W1, W2) = 1/2 tr(R^T S R), R = W1 W2 - T, of the network y = W2^T W1^T x with inputs of covariance S.

    Blocks W1 (inputs, hidden) and W2 (hidden, outputs). S is diagonal, from 1 down to 1 / condition, geometrically; the teacher T has
    `strength` on its diagonal. Gradients: S R W2^T and W1^T S R. Observables: error = |R|, imbalance = |W1^T W1 - W2 W2^T|, which gradient
    flow conserves (derived; for one matrix alone it is `matrix_quadratic`). Source: arXiv:1312.6120.
    """

    kind: Literal["deep_linear"] = "deep_linear"
    inputs: Structural[Count] = 16
    hidden: Structural[Count] = 16
    outputs: Structural[Count] = 8
    condition: Swept[Annotated[Real, Field(ge=1)]] = 100.0
    strength: Swept[Real] = 1.0

    source = "arXiv:1312.6120"
    domain = (-1.0, 1.0)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        hidden = resolved(self.hidden)
        return {"W1": (resolved(self.inputs), hidden), "W2": (hidden, resolved(self.outputs))}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("error", "imbalance")

    def start(self) -> Init:
        return FanIn()

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        first, second, r = self._parts(x, p, xp)
        k = xp.arange(first.shape[-2], dtype=x.dtype)
        spectrum = xp.exp(-xp.log(xp.asarray(p["condition"], dtype=x.dtype))[..., None] * k / max(first.shape[-2] - 1, 1))
        force = spectrum[..., :, None] * r
        slopes = [xp.matmul(force, xp.matrix_transpose(second)), xp.matmul(xp.matrix_transpose(first), force)]
        flat = [xp.reshape(s, (*s.shape[:-2], s.shape[-2] * s.shape[-1])) for s in slopes]
        return 0.5 * xp.sum(r * force, axis=(-2, -1)), xp.concat(flat, axis=-1)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        first, second, r = self._parts(x, p, xp)
        gap = xp.matmul(xp.matrix_transpose(first), first) - xp.matmul(second, xp.matrix_transpose(second))
        return {name: xp.sqrt(xp.sum(a * a, axis=(-2, -1))) for name, a in (("error", r), ("imbalance", gap))}

    def _parts(self, x: Any, p: Arrays, xp: Any) -> tuple[Any, Any, Any]:
        """W1, W2 and R."""
        (inputs, hidden), (_, outputs) = self.blocks.values()
        first = xp.reshape(x[..., : inputs * hidden], (*x.shape[:-1], inputs, hidden))
        second = xp.reshape(x[..., inputs * hidden :], (*x.shape[:-1], hidden, outputs))
        strength = xp.asarray(p["strength"], dtype=x.dtype)[..., None, None]
        return first, second, xp.matmul(first, second) - strength * xp.eye(inputs, outputs, dtype=x.dtype)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"inputs": 4, "hidden": 3, "outputs": 2, "condition": 5.0}
