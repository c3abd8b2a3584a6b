"""What small networks on samples share: two layers without biases, every seed with its own samples, gradients by backpropagation."""

from typing import Any, Literal

from ..base import Count
from ..init import FanIn, Init
from ..sweep import Structural, resolved
from .base import Arrays, Landscape

Activation = Literal["linear", "tanh", "relu", "sigmoid"]


def activate(name: str, z: Any, xp: Any) -> Any:
    """phi(z)."""
    if name == "linear":
        return z
    if name == "relu":
        return xp.where(z > 0, z, xp.zeros_like(z))
    return xp.tanh(z) if name == "tanh" else 0.5 * (1 + xp.tanh(0.5 * z))


def slope(name: str, a: Any, xp: Any) -> Any:
    """phi'(z) from a = phi(z)."""
    if name == "linear":
        return xp.ones_like(a)
    if name == "relu":
        return xp.where(a > 0, xp.ones_like(a), xp.zeros_like(a))
    return 1 - a * a if name == "tanh" else a * (1 - a)


class TwoLayer(Landscape):
    """Base: f = 1/(2 n) sum_i (y^_i - y_i)^2 with y^ = out(phi(x W1) w2), blocks W1 (inputs, hidden) and w2 (hidden, 1).

    A subclass gives `data`, the samples: x (points or 1, seeds, n, inputs) and y (points or 1, seeds, n).
    """

    hidden: Structural[Count] = 20
    activation: Structural[Activation] = "tanh"

    domain = (-1.0, 1.0)

    @property
    def fan(self) -> int:
        """The number of inputs."""
        raise NotImplementedError

    @property
    def out(self) -> str:
        """The activation of the output."""
        return "linear"

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        hidden = resolved(self.hidden)
        return {"W1": (self.fan, hidden), "w2": (hidden, 1)}

    def start(self) -> Init:
        return FanIn()

    def workspace(self, samples: int, runs: int) -> int:
        return runs * samples * (4 * resolved(self.hidden) + 2 * self.fan)

    def data(self, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        """All training samples, those of a minibatch (seeds, size), or new ones of normal numbers (seeds, size, sample_size)."""
        raise NotImplementedError

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.loss(x, *self.data(p, xp), xp)

    def batch_value(self, x: Any, p: Arrays, xp: Any, batch: Any) -> Any:
        return self.loss(x, *self.data(p, xp, batch), xp)

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        inputs, targets = self.data(p, xp, batch)
        first, second = self.layers(x, xp)
        h, y = self.forward(first, second, inputs, xp)
        error = y - targets
        delta = error * slope(self.out, y, xp) / error.shape[-1]
        return 0.5 * xp.mean(error * error, axis=-1), self.backpropagated(second, inputs, h, delta, xp)

    def jacobian(self, x: Any, p: Arrays, xp: Any) -> Any:
        """d y^_i / d theta over sqrt(n), (..., n, dim): the kernel J J^T is the empirical tangent kernel over n."""
        inputs, _ = self.data(p, xp)
        first, second = self.layers(x, xp)
        h, y = self.forward(first, second, inputs, xp)
        front = slope(self.out, y, xp)[..., None] / y.shape[-1] ** 0.5
        back = front * xp.matrix_transpose(second) * slope(resolved(self.activation), h, xp)
        w1 = inputs[..., :, :, None] * back[..., :, None, :]
        return xp.concat([xp.reshape(w1, (*w1.shape[:-2], w1.shape[-2] * w1.shape[-1])), front * h], axis=-1)

    def residuals(self, x: Any, p: Arrays, xp: Any) -> Any:
        """(y^_i - y_i) / sqrt(n), (..., n)."""
        inputs, targets = self.data(p, xp)
        error = self.forward(*self.layers(x, xp), inputs, xp)[1] - targets
        return error / error.shape[-1] ** 0.5

    def layers(self, x: Any, xp: Any) -> tuple[Any, Any]:
        """W1 (..., inputs, hidden) and w2 (..., hidden, 1)."""
        hidden = resolved(self.hidden)
        size = self.fan * hidden
        return xp.reshape(x[..., :size], (*x.shape[:-1], self.fan, hidden)), x[..., size:, None]

    def forward(self, first: Any, second: Any, inputs: Any, xp: Any) -> tuple[Any, Any]:
        """The hidden activities (..., n, hidden) and the outputs (..., n)."""
        h = activate(resolved(self.activation), xp.matmul(inputs, first), xp)
        return h, activate(self.out, xp.matmul(h, second)[..., 0], xp)

    def loss(self, x: Any, inputs: Any, targets: Any, xp: Any) -> Any:
        """Half the mean squared error (...)."""
        error = self.forward(*self.layers(x, xp), inputs, xp)[1] - targets
        return 0.5 * xp.mean(error * error, axis=-1)

    def backpropagated(self, carrier: Any, inputs: Any, h: Any, delta: Any, xp: Any) -> Any:
        """The gradient from `delta` (..., n), the loss's derivative by what enters the output, sent back through `carrier` (..., hidden, 1)."""
        back = delta[..., None] * xp.matrix_transpose(carrier) * slope(resolved(self.activation), h, xp)
        w1 = xp.matmul(xp.matrix_transpose(inputs), back)
        w2 = xp.matmul(xp.matrix_transpose(h), delta[..., None])[..., 0]
        return xp.concat([xp.reshape(w1, (*w1.shape[:-2], w1.shape[-2] * w1.shape[-1])), w2], axis=-1)


def picked(a: Any, batch: Any, xp: Any) -> Any:
    """Of a (1, seeds, n, k) the rows of each seed's minibatch (seeds, size): (1, seeds, size, k). All rows where `batch` is None."""
    if batch is None:
        return a
    (seeds, size), (n, k) = batch.shape, a.shape[2:]
    flat = xp.reshape(batch + n * xp.arange(seeds, dtype=batch.dtype)[:, None], (-1,))
    return xp.reshape(xp.take(xp.reshape(a, (seeds * n, k)), flat, axis=0), (1, seeds, size, k))
