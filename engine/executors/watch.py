"""Diagnostics of a shard of single iterates: what every landscape and optimizer has, whatever their kind.

Derivatives are central differences of the noiseless gradient, with steps of the cube root of the machine precision; the largest
eigenvalue of the Hessian comes from Lanczos's iteration with full reorthogonalisation. Sources: Lanczos 1950,
doi:10.6028/jres.045.026; Benettin et al. 1980, doi:10.1007/BF02128236 (twin runs, brought back together at every step).
"""

import math
from typing import Any

import numpy as np

LANCZOS = 30
"""Hessian-vector products spent on an eigenvalue; exact up to that many dimensions."""


class Watch:
    """Follows a simulation where diagnostics are recorded; `see` gives one of them."""

    def __init__(self, simulation: Any, x: Any, state: Any):
        self.simulation, self.xp = simulation, simulation.xp
        self.update, self.growth = self.xp.zeros_like(x) * float("nan"), self.xp.zeros(x.shape[:-1], dtype=x.dtype)
        self.near = float(np.finfo(simulation.study.precision).eps) ** 0.5
        self.twin: Any = None
        if "lyapunov" in simulation.shard.group.diagnostics:
            self.twin = x + self.near * self.direction(x), state
        self.known: tuple[int, Any] = (-1, None)

    def direction(self, x: Any) -> Any:
        """A unit vector (dim,) in no particular direction."""
        v = np.random.default_rng(0).normal(size=x.shape[-1])
        return self.xp.asarray((v / np.linalg.norm(v)).astype(self.simulation.study.precision))

    def step(self, t: int, x: Any, new: Any, state: Any) -> None:
        """The simulation has moved from x to `new`, `state` with it, in the update after step t."""
        self.update = new - x
        if self.twin is None:
            return
        simulation, xp = self.simulation, self.xp
        at, held = self.twin
        moved, held = simulation.move(at, simulation.disturbed(simulation.look(at, t)[1], t), held, simulation.given)
        apart = xp.sqrt(xp.sum((moved - new) ** 2, axis=-1))
        apart = xp.where(apart > 0, apart, xp.asarray(self.near * 2.0**-52, dtype=x.dtype))
        self.growth = self.growth + xp.log(apart / self.near)
        back = (self.near / apart)[..., None]
        self.twin = new + back * (moved - new), scaled(state, held, back)

    def see(self, name: str, t: int, x: Any, state: Any) -> Any:
        """A diagnostic at step t."""
        match name:
            case "gradient_norm":
                return self.norm(self.gradient(x))
            case "update_norm":
                return self.norm(self.update)
            case "hessian_top":
                return self.top(t, x)[0]
            case "hessian_vector":
                return self.top(t, x)[1]
            case "curl":
                return self.curl(x, state)
            case "kernel_min" | "kernel_max":
                return self.kernel(x)[..., 0 if name == "kernel_min" else -1]
            case "lyapunov":
                return self.growth / max(t, 1)
            case "singular_values":
                return self.singular(x)
            case "update_singular_values":
                return self.singular(self.update)
        raise AssertionError(name)

    def gradient(self, x: Any) -> Any:
        """The noiseless gradient."""
        return self.simulation.parts.landscape.value_and_grad(x, self.simulation.p, self.xp)[1]

    def norm(self, v: Any) -> Any:
        return self.xp.sqrt(self.xp.sum(v * v, axis=-1))

    def reach(self, x: Any) -> Any:
        """The step of a central difference, (..., 1)."""
        return self.near ** (2 / 3) * (1 + self.xp.max(self.xp.abs(x), axis=-1, keepdims=True))

    def top(self, t: int, x: Any) -> tuple[Any, Any]:
        """(largest eigenvalue of the Hessian (...), its unit vector (..., dim)); computed once a step."""
        if self.known[0] != t:
            self.known = t, self.lanczos(x)
        return self.known[1]

    def lanczos(self, x: Any) -> tuple[Any, Any]:
        xp, h, count = self.xp, self.reach(x), min(x.shape[-1], LANCZOS)
        q = xp.zeros_like(x) + self.direction(x)
        basis, projected = [], xp.zeros((*x.shape[:-1], count, count), dtype=x.dtype)
        for j in range(count):
            basis.append(q)
            w = (self.gradient(x + h * q) - self.gradient(x - h * q)) / (2 * h)
            size = self.norm(w)
            for _ in range(2):  # once leaves what rounding has put back
                for i, old in enumerate(basis):
                    along = xp.sum(w * old, axis=-1)
                    if i in (j - 1, j):
                        projected[..., i, j] += along
                    w = w - along[..., None] * old
            left = self.norm(w)
            fresh = left > 1e3 * self.near**2 * size
            q = xp.where(fresh[..., None], w / xp.where(fresh, left, xp.ones_like(left))[..., None], xp.zeros_like(w))
            if j:
                projected[..., j, j - 1] = projected[..., j - 1, j]
                ended = xp.sum(basis[j] ** 2, axis=-1) == 0  # an invariant subspace: what follows repeats a number from within the spectrum
                projected[..., j, j] = xp.where(ended, projected[..., 0, 0], projected[..., j, j])
        finite = xp.all(xp.isfinite(projected), axis=(-2, -1))
        values, vectors = xp.linalg.eigh(xp.where(finite[..., None, None], projected, xp.zeros_like(projected)))
        made = xp.zeros_like(x)
        for j, old in enumerate(basis):
            made = made + vectors[..., j, -1][..., None] * old
        made = made / self.norm(made)[..., None]
        made = xp.where(xp.sum(made**3, axis=-1, keepdims=True) < 0, -made, made)
        gone = xp.asarray(float("nan"), dtype=x.dtype)
        return xp.where(finite, values[..., -1], gone), xp.where(finite[..., None], made, gone)

    def curl(self, x: Any, state: Any) -> Any:
        """|J - J^T|_F / (2 |J|_F) for the Jacobian J of the noiseless update, the optimizer's state held; 0 for every gradient."""
        xp, h, simulation = self.xp, self.reach(x), self.simulation
        columns = []
        for j in range(x.shape[-1]):
            e = xp.zeros(x.shape[-1:], dtype=x.dtype)
            e[j] = 1.0
            ends = [simulation.move(y, self.gradient(y), state, simulation.given)[0] - y for y in (x + h * e, x - h * e)]
            columns.append((ends[0] - ends[1]) / (2 * h))
        jacobian = xp.stack(columns, axis=-1)
        odd = (jacobian - xp.matrix_transpose(jacobian)) / 2
        return xp.sqrt(xp.sum(odd * odd, axis=(-2, -1)) / xp.sum(jacobian * jacobian, axis=(-2, -1)))

    def kernel(self, x: Any) -> Any:
        """The eigenvalues of J D J^T, increasing; D is the optimizer's diagonal of signs, the identity where it has none."""
        xp, simulation = self.xp, self.simulation
        jacobian = simulation.parts.landscape.jacobian(x, simulation.p, xp)
        kernel = xp.matmul(jacobian * simulation.given.get("sign", 1.0), xp.matrix_transpose(jacobian))
        finite = xp.all(xp.isfinite(kernel), axis=(-2, -1))
        values = xp.linalg.eigvalsh(xp.where(finite[..., None, None], kernel, xp.zeros_like(kernel)))
        return xp.where(finite[..., None], values, xp.asarray(float("nan"), dtype=x.dtype))

    def singular(self, x: Any) -> Any:
        """Singular values of all matrix blocks, (..., sum of their smaller sides)."""
        xp, parts, at = self.xp, [], 0
        for shape in self.simulation.parts.landscape.blocks.values():
            size = math.prod(shape)
            if len(shape) == 2:
                a = xp.reshape(x[..., at : at + size], (*x.shape[:-1], *shape))
                finite = xp.all(xp.isfinite(a), axis=(-2, -1))
                found = xp.linalg.svdvals(xp.where(finite[..., None, None], a, xp.zeros_like(a)))
                parts.append(xp.where(finite[..., None], found, xp.asarray(float("nan"), dtype=x.dtype)))
            at += size
        return xp.concat(parts, axis=-1)


def scaled(state: Any, other: Any, back: Any) -> Any:
    """state + back (other - state), through nested tuples; `back` (..., 1) goes with as many axes as there are."""
    if isinstance(state, (tuple, list)):
        return type(state)(scaled(a, b, back) for a, b in zip(state, other, strict=True))
    while len(back.shape) < len(state.shape):
        back = back[..., None]
    return state + back * (other - state)
