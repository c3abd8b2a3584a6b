"""A two-layer linear network on inputs of uneven size."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ..base import Count, Real
from ..init import FanIn, Init
from ..sweep import Structural, Swept
from ._tensor_landscape import TensorLandscape


class DeepLinear(TensorLandscape):
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

    variables = {"W1": ("inputs", "hidden"), "W2": ("hidden", "outputs")}
    define = {
        "S": "exp(-log(condition) * arange(inputs) / max(inputs - 1, 1))",
        "R": "W1 @ W2 - strength*one_hot(arange(inputs), outputs)",
    }
    formula = "sum(reshape(S, [inputs, 1]) * R**2)/2"
    observables = {"error": "norm(R)", "imbalance": "norm(W1.T @ W1 - W2 @ W2.T)"}
    source = "arXiv:1312.6120"

    def start(self) -> Init:
        return FanIn()

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"inputs": 4, "hidden": 3, "outputs": 2, "condition": 5.0}
