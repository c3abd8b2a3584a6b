"""A fully connected network on data."""

import dataclasses
import itertools
import math
from typing import Annotated, Any, Literal

from pydantic import Field

from ..base import Count
from ..init import FanIn, Init
from ..sweep import Structural, resolved
from ._data import DataLandscape
from ._program import TensorFormula
from ._tensor_landscape import ACTIVATIONS


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

    observables = {
        "accuracy": "mean(argmax(z, axis=1) == y)",
        "test_loss": "mean(loss_test)",
        "test_accuracy": "mean(argmax(z_test, axis=1) == y_test)",
    }

    @property
    def labels_are_classes(self) -> bool:
        return self.loss == "cross_entropy"

    def definition(self) -> TensorFormula:
        made, outputs = super().definition(), "classes"
        observables = dict(made.observables)
        define = {"act(z)": ACTIVATIONS[resolved(self.activation)]}
        loss = "cross_entropy(z{0}, y{0})"
        if not self.labels_are_classes:
            outputs = math.prod(self.data.load().y.shape[1:])
            loss = f"(z{{0}} - reshape(y{{0}}, [n{{0}}, {outputs}]))**2"
            observables = {name: text for name, text in observables.items() if "accuracy" not in name}
        layers = list(enumerate(itertools.pairwise(("p", *self.hidden, outputs)), 1))
        last = len(layers)
        parts = ("", "_test") if "test_loss" in observables else ("",)
        for part in parts:
            define[f"a0{part}"] = f"X{part}"
            define |= {f"a{k}{part}": f"act(a{k - 1}{part} @ W{k} + b{k})" for k in range(1, last)}
            define[f"z{part}"] = f"a{last - 1}{part} @ W{last} + b{last}"
            define[f"loss{part}"] = loss.format(part)
        return dataclasses.replace(
            made,
            value=f"mean(loss) + l2/2*({' + '.join(f'sum(W{k}**2)' for k, _ in layers)})",
            variables={name: shape for k, (n, m) in layers for name, shape in ((f"W{k}", (n, m)), (f"b{k}", (m,)))},
            define=define,
            chain=tuple(f"a{k}{part}" for part in parts for k in range(last)),
            observables=observables,
        )

    def start(self) -> Init:
        return FanIn()

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"data": {"builtin": "blobs"}, "hidden": [5], "l2": 0.01}
