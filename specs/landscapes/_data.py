"""What landscapes made of data share: layers of weights, a loss on their output, exact gradients by backpropagation."""

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import PrivateAttr, model_validator

from ..base import NonNegative
from ..data import Data, Dataset
from ..errors import SpecError
from ..sweep import Swept
from .base import Arrays, Landscape

ROWS = 4096
"""Samples are summed in pieces of this many, whatever the number of runs, so that bits depend on neither memory nor batch."""
BUDGET = 2**26
"""Bytes of intermediate arrays; more runs than fit are done one group after the other, each run by itself."""
MAX_CLASSES = 1000


class DataLandscape(Landscape):
    """Base: mean loss of a network over the samples plus l2/2 times the sum of squared weights (biases excluded).

    A subclass gives `layers` and `head`. Every product is one matrix product a run, so a run's bits do not depend on its neighbours.
    """

    data: Data
    l2: Swept[NonNegative] = 0.0
    _dataset: Dataset = PrivateAttr()

    domain = (-1.0, 1.0)
    classes_needed: ClassVar[int | None] = None

    @model_validator(mode="after")
    def _loads(self):
        self._dataset = self.data.load()
        count, name = len(self._dataset.classes), self.data.file or self.data.builtin
        if self.head == "mse":
            if self._dataset.labelled:
                word = next(label for label in (*self._dataset.classes[::-1], "") if not label.isdecimal())
                raise SpecError(f"{name}: y holds text labels such as '{word[:40]}'; the loss mse needs numbers")
        elif not count:
            raise SpecError(f"{name}: y must hold one class a sample (whole numbers or labels); it holds other numbers")
        elif count < 2 or count > MAX_CLASSES or count != (self.classes_needed or count):
            raise SpecError(f"{name}: y has {count} classes; {self.kind} needs {self.classes_needed or f'2 to {MAX_CLASSES}'}")
        return self

    @property
    def dataset(self) -> Dataset:
        """The samples, as they were when the study was read."""
        return self._dataset

    @property
    def head(self) -> Literal["softmax", "sigmoid", "mse"]:
        """The loss on the output."""
        return "softmax"

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of every layer."""
        raise NotImplementedError

    @property
    def nonlinearity(self) -> str:
        """Between layers: tanh or relu."""
        return "tanh"

    @property
    def observable_names(self) -> tuple[str, ...]:
        names = () if self.head == "mse" else ("accuracy",)
        if len(self._dataset.x_test):
            names += ("test_loss",) if self.head == "mse" else ("test_loss", "test_accuracy")
        return names

    def batch_count(self) -> int:
        return len(self._dataset.x)

    def workspace(self, samples: int, runs: int) -> int:
        width = 3 * sum(outputs for _, outputs in self.layers) + self.layers[0][0]
        return min(BUDGET // 16, runs * width * min(samples, ROWS))

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self._penalized(x, p, xp, None, False)[0]

    def batch_value(self, x: Any, p: Arrays, xp: Any, batch: Any) -> Any:
        return self._penalized(x, p, xp, batch, False)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        return self._penalized(x, p, xp, batch, True)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        """`accuracy`: the share of training samples whose class is right; `test_loss` (no l2) and `test_accuracy`: on the test part."""
        made: Arrays = {}
        for prefix, test in (("", False), ("test_", True)):
            wanted = [name for name in self.observable_names if name.startswith("test_") == test]
            if wanted:
                loss, hits, _ = self._mean(x, xp, None, test, False, f"{prefix}accuracy" in wanted)
                found = {"test_loss": loss, f"{prefix}accuracy": hits}
                made |= {name: found[name] for name in wanted}
        return made

    def _penalized(self, x: Any, p: Arrays, xp: Any, batch: Any, gradient: bool) -> tuple[Any, Any]:
        loss, _, grad = self._mean(x, xp, batch, False, gradient, False)
        l2 = xp.broadcast_to(xp.asarray(p["l2"], dtype=x.dtype), x.shape[:-1])
        for start, stop in self._slices()[::2]:
            weights = x[..., start:stop]
            loss = loss + l2 * 0.5 * xp.sum(weights * weights, axis=-1)
            if gradient:
                grad[..., start:stop] += l2[..., None] * weights
        return loss, grad

    def _slices(self) -> list[tuple[int, int]]:
        """Where W1, b1, W2, b2, ... lie in a flat point."""
        ends = np.cumsum([size for inputs, outputs in self.layers for size in (inputs * outputs, outputs)]).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True))

    def _targets(self, test: bool) -> np.ndarray:
        """(n, outputs): one-hot for softmax, 0 or 1 for sigmoid, y itself for mse."""
        if self.head == "mse":
            y = self._dataset.y_test if test else self._dataset.y
            return y.reshape(len(y), -1)
        codes = self._dataset.codes(test)
        return codes[:, None] if self.head == "sigmoid" else codes[:, None] == np.arange(len(self._dataset.classes))

    def _mean(self, x: Any, xp: Any, batch: Any, test: bool, gradient: bool, hits: bool) -> tuple[Any, Any, Any]:
        """Mean loss (...), share of right classes (...) and gradient (..., dim); what is not asked for is None or zero."""
        lead = tuple(x.shape[:-1])
        seeds, points = lead[-1] if lead else 1, math.prod(lead[:-1])
        x = xp.reshape(x, (points, seeds, self.size))
        data = self._dataset
        inputs = data.on(x, xp, f"x{test}", lambda: data.x_test if test else data.x)
        targets = data.on(x, xp, f"{self.head}{test}", lambda: self._targets(test))
        if batch is not None:
            batch = xp.reshape(batch, (seeds, -1))
        rows = inputs.shape[0] if batch is None else batch.shape[1]
        loss, right = xp.zeros((points, seeds), dtype=x.dtype), xp.zeros((points, seeds), dtype=x.dtype)
        grad = xp.zeros(x.shape, dtype=x.dtype) if gradient else None
        for k, s in self._groups(points, seeds, rows, batch is not None):
            for first in range(0, rows, ROWS):
                piece = slice(first, min(first + ROWS, rows))
                a, t = (inputs[piece, :], targets[piece, :]) if batch is None else self._gather(inputs, targets, batch[s, piece], xp)
                weights, hidden, z = self._forward(x[k, s, :], a, xp)
                each, delta = self._loss(z, t, xp, gradient)
                loss[k, s] += xp.sum(each, axis=-1)
                if hits:
                    right[k, s] += xp.sum(self._right(z, t, x.dtype, xp), axis=-1)
                if grad is not None:
                    self._backward(grad, (k, s), weights, hidden, delta / rows, xp)
        grad = xp.reshape(grad, (*lead, self.size)) if grad is not None else None
        return xp.reshape(loss / rows, lead), xp.reshape(right / rows, lead), grad

    def _groups(self, points: int, seeds: int, rows: int, gathered: bool) -> Iterator[tuple[slice, slice]]:
        """Groups of runs whose intermediate arrays fit in the budget."""
        width = 6 * sum(outputs for _, outputs in self.layers) + (2 * self.layers[0][0] if gathered else 0)
        fit = max(1, BUDGET // (8 * width * min(rows, ROWS)))
        step = min(seeds, fit)
        for s in range(0, seeds, step):
            for k in range(0, points, fit // step):
                yield slice(k, min(k + fit // step, points)), slice(s, min(s + step, seeds))

    @staticmethod
    def _gather(inputs: Any, targets: Any, batch: Any, xp: Any) -> tuple[Any, Any]:
        flat = xp.reshape(batch, (-1,))
        return tuple(xp.reshape(xp.take(a, flat, axis=0), (*batch.shape, a.shape[1])) for a in (inputs, targets))  # type: ignore[return-value]

    def _forward(self, x: Any, a: Any, xp: Any) -> tuple[list[Any], list[Any], Any]:
        """The weights (..., inputs, outputs), what enters each layer, and the output (..., rows, outputs)."""
        slices, weights, entering, z = self._slices(), [], [], a
        for k, (inputs, outputs) in enumerate(self.layers):
            (w0, w1), (b0, b1) = slices[2 * k : 2 * k + 2]
            if k:
                z = xp.tanh(z) if self.nonlinearity == "tanh" else xp.maximum(z, xp.zeros_like(z))
            entering.append(z)
            weights.append(xp.reshape(x[..., w0:w1], (*x.shape[:-1], inputs, outputs)))
            z = xp.matmul(z, weights[-1]) + x[..., b0:b1][..., None, :]
        return weights, entering, z

    def _loss(self, z: Any, t: Any, xp: Any, gradient: bool) -> tuple[Any, Any]:
        """The loss of every sample (..., rows), and its derivative by the output."""
        if self.head == "mse":
            error = z - t
            return xp.mean(error * error, axis=-1), error * (2.0 / z.shape[-1]) if gradient else None
        if self.head == "sigmoid":
            small = xp.exp(-xp.abs(z))
            each = xp.maximum(z, xp.zeros_like(z)) - t * z + xp.log1p(small)
            return each[..., 0], xp.where(z >= 0, 1 / (1 + small), small / (1 + small)) - t if gradient else None
        top = xp.max(z, axis=-1, keepdims=True)
        powers = xp.exp(z - top)
        total = xp.sum(powers, axis=-1, keepdims=True)
        each = xp.log(total)[..., 0] + xp.sum(xp.where(t > 0, top - z, xp.zeros_like(z)), axis=-1)
        return each, powers / total - t if gradient else None

    def _right(self, z: Any, t: Any, dtype: Any, xp: Any) -> Any:
        """1 where the predicted class is the sample's, else 0."""
        same = (z[..., 0] > 0) == (t[..., 0] > 0) if self.head == "sigmoid" else xp.argmax(z, axis=-1) == xp.argmax(t, axis=-1)
        return xp.astype(same, dtype)

    def _backward(self, grad: Any, runs: tuple[slice, slice], weights: list[Any], entering: list[Any], delta: Any, xp: Any) -> None:
        """Add the gradient of one piece of the samples."""
        slices, (k, s) = self._slices(), runs
        for layer in reversed(range(len(weights))):
            (w0, w1), (b0, b1) = slices[2 * layer : 2 * layer + 2]
            a = entering[layer]
            product = xp.matmul(xp.moveaxis(a, -1, -2), delta)
            grad[k, s, w0:w1] += xp.reshape(product, (*product.shape[:-2], w1 - w0))
            grad[k, s, b0:b1] += xp.sum(delta, axis=-2)
            if layer:
                delta = xp.matmul(delta, xp.moveaxis(weights[layer], -1, -2))
                delta = delta * (1 - a * a) if self.nonlinearity == "tanh" else xp.where(a > 0, delta, xp.zeros_like(delta))
