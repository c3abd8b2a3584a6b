"""A fully connected network on data."""

import itertools
import math
from typing import Annotated, Any, Literal

from pydantic import Field

from ..base import Count
from ..init import FanIn, Init
from ..sweep import Structural, resolved
from ._data import DataLandscape


class Mlp(DataLandscape):
    r"""A multilayer perceptron: f = mean_i loss(z_i, y_i) + l2/2 sum_k |W_k|^2, with a_0 = X, a_k = act(a_{k-1} W_k + b_k), z linear.

    Blocks W1 (features, hidden[0]), b1 (hidden[0],), W2, b2, ... up to the output: the classes for `loss: cross_entropy` (softmax), the
    columns of y for `loss: mse`, mean_i mean_j (z_ij - y_ij)^2. `activation` tanh or relu (its derivative at 0 counts as 0). Gradients by
    backpropagation. Observables: accuracy for cross_entropy; test_loss (no l2) and test_accuracy if the data have a test part.
    Source: Rumelhart, Hinton and Williams, Nature 323, 533 (1986).
    """

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[Annotated[Count, Field(le=100_000)], ...], Field(min_length=1, max_length=100)] = (32,)
    activation: Structural[Literal["tanh", "relu"]] = "tanh"
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"

    source = "Rumelhart, Hinton and Williams, Nature 323, 533 (1986)"

    @property
    def head(self) -> Literal["softmax", "sigmoid", "mse"]:
        return "mse" if self.loss == "mse" else "softmax"

    @property
    def nonlinearity(self) -> str:
        return resolved(self.activation)

    @property
    def layers(self) -> list[tuple[int, int]]:
        outputs = math.prod(self.dataset.y.shape[1:]) if self.loss == "mse" else len(self.dataset.classes)
        return list(itertools.pairwise((self.dataset.x.shape[1], *self.hidden, outputs)))

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        made: dict[str, tuple[int, ...]] = {}
        for k, (inputs, outputs) in enumerate(self.layers, 1):
            made |= {f"W{k}": (inputs, outputs), f"b{k}": (outputs,)}
        return made

    def start(self) -> Init:
        return FanIn()

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"data": {"builtin": "blobs"}, "hidden": [5], "l2": 0.01}
