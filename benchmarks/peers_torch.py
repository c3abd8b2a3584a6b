"""PyTorch: batched tensors and torch.optim's formulas in one step function, compiled where torch.compile works here, else eager."""

import functools
from typing import Any

import numpy as np
import torch

NAME = "torch, batched"


def river(study: dict[str, Any]) -> Any:
    """Case a."""
    real = getattr(torch, study["precision"])

    def step(z, m, v, c1, c2):
        r = z[1] - torch.sin(z[0])
        g = torch.stack([-20 * r * torch.cos(z[0]) - 0.05, 20 * r]) + 0.5 * torch.randn_like(z)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        return z - 0.01 * (m * c1) / (torch.sqrt(v * c2) + 1e-8), m, v

    def run(advance):
        z = torch.zeros((2, study["seeds"]), dtype=real)
        m, v = torch.zeros_like(z), torch.zeros_like(z)
        for t in range(1, study["steps"] + 1):
            z, m, v = advance(z, m, v, torch.tensor(1 / (1 - 0.9**t), dtype=real), torch.tensor(1 / (1 - 0.999**t), dtype=real))
        return (10 * (z[1] - torch.sin(z[0])) ** 2 - 0.05 * z[0]).cpu().numpy()

    return _fastest(run, step)


def muon(study: dict[str, Any]) -> Any:
    """Case i: Muon with optax's bias correction over a batch of matrices; the starts are ours."""
    real, rows = getattr(torch, study["precision"]), study["landscape"]["rows"]
    spectrum = torch.exp(-np.log(10.0) * torch.arange(rows, dtype=real) / (rows - 1))
    hessian = spectrum[:, None] * spectrum[None, :]

    def step(w, m, late, now):
        g = hessian * w
        m = 0.95 * m + 0.05 * g
        x = 0.95 * m / late + 0.05 * g / now
        x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-8)
        for _ in range(5):
            a = x @ x.mT
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
        return w - 0.02 * x, m

    def run(advance):
        w = torch.tensor(study["start"], dtype=real).reshape(-1, rows, rows)
        m = torch.zeros_like(w)
        for t in range(1, study["steps"] + 1):
            late, now = (torch.tensor(1 - 0.95**k, dtype=real) for k in (t + 1, t))
            w, m = advance(w, m, late, now)
        return (0.5 * (hessian * w * w).sum(dim=(-2, -1))).cpu().numpy()

    return _fastest(run, step)


def cbo(study: dict[str, Any]) -> Any:
    """Consensus-based optimization with anisotropic noise on Rastrigin's function, all swarms in one tensor."""
    real, fields, (low, high) = getattr(torch, study["precision"]), study["optimizers"][0], (study["init"]["low"], study["init"]["high"])
    shape, dt = (study["seeds"], fields["particles"], study["landscape"]["dim"]), fields["lr"]

    def loss(x):
        return (x * x + 10.0 * (1 - torch.cos(2 * np.pi * x))).sum(dim=-1)

    def consensus(x):
        return (torch.softmax(-fields["alpha"] * loss(x), dim=-1)[..., None] * x).sum(dim=-2, keepdim=True)

    def step(x):
        away = x - consensus(x)
        return x - dt * away + fields["sigma"] * np.sqrt(dt) * away * torch.randn_like(x)

    def run(advance):
        x = low + (high - low) * torch.rand(shape, dtype=real)
        for _ in range(study["steps"]):
            x = advance(x)
        return loss(consensus(x)[..., 0, :]).cpu().numpy()

    return _fastest(run, step)


def rastrigin(study: dict[str, Any]) -> Any:
    """Case b."""
    real = getattr(torch, study["precision"])

    def step(z, m):
        m = 0.9 * m + 2 * z + 20 * torch.pi * torch.sin(2 * torch.pi * z)
        return z - 1e-3 * m, m

    def run(advance):
        z = torch.tensor(study["start"], dtype=real)
        m = torch.zeros_like(z)
        for _ in range(study["steps"]):
            z, m = advance(z, m)
        return torch.sum(z * z + 10 * (1 - torch.cos(2 * torch.pi * z)), dim=1).cpu().numpy()

    return _fastest(run, step)


def rosenbrock(study: dict[str, Any]) -> Any:
    """Case c: hyperparameters broadcast."""
    real = getattr(torch, study["precision"])
    lr, b1, b2 = (torch.tensor(h, dtype=real) for h in study["grid"])

    def step(z, m, v, p1, p2):
        a, r = z[:-1], 200 * (z[1:] - z[:-1] ** 2)
        none = torch.zeros_like(z[:1])
        g = torch.cat([2 * (a - 1) - 2 * r * a, none]) + torch.cat([none, r])
        p1, p2 = p1 * b1, p2 * b2
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        return z - lr * (m / (1 - p1)) / (torch.sqrt(v / (1 - p2)) + 1e-8), m, v, p1, p2

    def run(advance):
        z = -torch.ones((10, len(lr)), dtype=real)
        m, v, p1, p2 = torch.zeros_like(z), torch.zeros_like(z), torch.ones_like(b1), torch.ones_like(b2)
        for _ in range(study["steps"]):
            z, m, v, p1, p2 = advance(z, m, v, p1, p2)
        return torch.sum(100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2, dim=0).cpu().numpy()

    return _fastest(run, step)


def network(study: dict[str, Any]) -> Any:
    """Cases n: all runs in batched products, the backpropagation written out; starts and data are ours."""
    real, batch, count = getattr(torch, study["precision"]), study["noise"]["size"], study["seeds"] * len(study["rates"])
    x, y = (torch.tensor(a) for a in study["samples"])
    rates = torch.tensor(study["rates"], dtype=real).repeat_interleave(study["seeds"])[:, None, None]
    classes = study["blocks"]["b2"][0]

    def forward(w, z):
        a = torch.tanh(torch.baddbmm(w[1], z, w[0]))
        return a, torch.baddbmm(w[3], a, w[2])

    def step(w, m, v, z, c, late, now):
        a, out = forward(w, z)
        q = (torch.softmax(out, -1) - torch.nn.functional.one_hot(c, classes)) / batch
        e = torch.bmm(q, w[2].mT) * (1 - a * a)
        g = [torch.bmm(z.mT, e), e.sum(1, keepdim=True), torch.bmm(a.mT, q), q.sum(1, keepdim=True)]
        m = [0.9 * old + 0.1 * new for old, new in zip(m, g, strict=True)]
        v = [0.999 * old + 0.001 * new * new for old, new in zip(v, g, strict=True)]
        return [p - rates * (a1 / late) / (torch.sqrt(a2 / now) + 1e-8) for p, a1, a2 in zip(w, m, v, strict=True)], m, v

    def run(advance):
        flat, w, first = torch.tensor(study["start"]), [], 0
        for shape in study["blocks"].values():
            size = int(np.prod(shape))
            w.append(
                flat[:, first : first + size].reshape(-1, *(shape if len(shape) == 2 else (1, *shape))).repeat(len(study["rates"]), 1, 1)
            )
            first += size
        m, v = [torch.zeros_like(a) for a in w], [torch.zeros_like(a) for a in w]
        for t in range(1, study["steps"] + 1):
            rows = torch.randint(0, len(x), (count, batch))
            late, now = (torch.tensor(1 - beta**t, dtype=real) for beta in (0.9, 0.999))
            w, m, v = advance(w, m, v, x[rows], y[rows], late, now)
        lost = [torch.nn.functional.cross_entropy(forward([a[k : k + 1] for a in w], x[None])[1][0], y) for k in range(count)]
        return torch.stack(lost).cpu().numpy()

    return _fastest(run, step)


def _fastest(run: Any, step: Any) -> Any:
    """The run with the compiled step where that works."""
    try:
        compiled = torch.compile(step)
        with torch.no_grad():
            run(compiled)
    except Exception as error:  # noqa: BLE001 no compiler on this machine, or one torch does not support
        print(f"torch.compile does not work here ({type(error).__name__}): eager")
        compiled = step
    return functools.partial(_without_grad, run, compiled)


def _without_grad(run: Any, step: Any) -> np.ndarray:
    with torch.no_grad():
        return run(step)
