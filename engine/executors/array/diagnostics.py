"""Diagnostics of a shard of single iterates: what every landscape and optimizer has, whatever their kind.

All are computed in float64 from the iterate, whatever the precision of the study, and stored in that. Derivatives are exact: Hessian-vector
products of the landscape (`Landscape.hvp`), dual numbers through the optimizer's rule (`specs.dual`). Up to FULL components the Hessian is
formed and decomposed; above, its largest eigenvalue comes from Lanczos's iteration with full reorthogonalisation, begun anew from its best
vector until the residual says that it has converged. The Lyapunov exponent is the growth of a tangent vector that is carried along the
run. Sources: Lanczos 1950, doi:10.6028/jres.045.026; Benettin et al. 1980, doi:10.1007/BF02128236.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ....specs.dual import derivative
from ...store.checkpoint import flat, nested

FULL = 32
"""Components up to which the Hessian is formed; and Lanczos vectors that are kept at a time above."""
LOOK = 8
"""Products between two looks at what they have found."""
CYCLES = 64
"""Beginnings of Lanczos's iteration at most."""
CONVERGED, ENOUGH, ROUNDING = 1e-8, 1e-6, 1e-12
"""Residual over eigenvalue at which the iteration ends; above which, at its end, the eigenvalue counts as not found and is NaN; and residual
over the largest of the Hessian's eigenvalues in absolute value, which rounding may leave in either case."""


class Watch:
    """Follows a simulation where diagnostics are recorded; `see` gives one of them."""

    def __init__(self, simulation: Any, x: Any, state: Any):
        self.simulation, self.xp = simulation, simulation.xp
        self.landscape, self.p = simulation.parts.landscape, {name: self.exact(v) for name, v in simulation.p.items()}
        self.update = self.exact(x) * float("nan")
        self.growth, self.moves = (self.xp.zeros(x.shape[:-1], dtype=self.xp.float64) for _ in range(2))
        self.tangent: Any = None
        if "lyapunov" in simulation.shard.group.diagnostics:
            x = self.exact(x)
            self.tangent = [self.direction(x), *(self.exact(0 * part) for part in flat(state))]
        self.known: tuple[int, Any] = (-1, None)

    def exact(self, a: Any) -> Any:
        """An array in float64."""
        return self.xp.astype(a, self.xp.float64)

    def direction(self, x: Any) -> Any:
        """A unit vector in no particular direction, none of whose components is small; shaped as x."""
        rng, size = np.random.default_rng(0), x.shape[-1]
        v = rng.choice([-1.0, 1.0], size) * rng.uniform(0.5, 1.5, size)
        return self.xp.asarray(v / np.linalg.norm(v)) + self.xp.zeros_like(x)

    def step(self, t: int, x: Any, new: Any, state: Any, moving: Any) -> None:
        """The simulation moves from x, with `state`, to `new` in the update after step t; runs that are not `moving` are over."""
        self.update = self.exact(new) - self.exact(x)
        if self.tangent is None:
            return
        xp = self.xp
        moved = self.moved(x, self.tangent[0], state, self.tangent[1:], t)
        size = xp.sqrt(sum((self.norm(xp.reshape(part, (*part.shape[:2], -1))) ** 2 for part in moved), 0.0))
        self.growth = self.growth + xp.where(moving, xp.log(size), 0 * self.growth)
        self.moves = self.moves + xp.astype(moving, xp.float64)
        over = xp.where(size > 0, 1 / size, 0 * size)
        self.tangent = [part * xp.reshape(over, (*over.shape, *(1,) * (len(part.shape) - 2))) for part in moved]

    def moved(self, x: Any, v: Any, state: Any, tangent: list[Any], t: int | None = None, through: tuple[Any, ...] = ()) -> list[Any]:
        """How the next iterate and state, in one list, move where the iterate moves along v and the state along `tangent`: in the update after
        step t, with its noise and its samples; without t in the noiseless one. `through` holds the gradient and how it moves, if known."""
        simulation, x = self.simulation, self.exact(x)
        batch = None if t is None else simulation.batches(t)
        gradient, turn = through or self.landscape.gradient_along(x, v, self.p, self.xp, batch)

        def update(space: Any, x: Any, g: Any, *held: Any) -> tuple[Any, ...]:
            other = simulation.in_float64(space)
            seen = other.clipped(g) if t is None else other.disturbed(g, t)
            new, after = other.move(x, seen, nested(state, list(held)), other.given)
            return new, *flat(after)

        return derivative(update, (x, gradient, *map(self.exact, flat(state))), (v, turn, *tangent), self.xp)[1]

    def see(self, name: str, t: int, x: Any, state: Any) -> Any:
        """A diagnostic at step t, in the study's precision."""
        return self.xp.astype(self.seen(name, t, x, state), x.dtype)

    def seen(self, name: str, t: int, x: Any, state: Any) -> Any:
        match name:
            case "gradient_norm":
                return self.norm(self.landscape.value_and_grad(self.exact(x), self.p, self.xp)[1])
            case "update_norm":
                return self.norm(self.update)
            case "hessian_top":
                return self.top(t, x)[0]
            case "hessian_vector":
                return self.top(t, x)[1]
            case "curl":
                return self.curl(x, state)
            case "kernel_min" | "kernel_max":
                return self.kernel(self.exact(x))[..., 0 if name == "kernel_min" else -1]
            case "lyapunov":
                return self.exponent()
            case "singular_values":
                return self.singular(self.exact(x))
            case "update_singular_values":
                return self.singular(self.update)
        raise AssertionError(name)

    def exponent(self) -> Any:
        """Growth of the tangent's part that the iterate has, a step that was made; of the state's part while the iterate has none."""
        xp, size = self.xp, self.norm(self.tangent[0])
        growth = self.growth + xp.where(size > 0, xp.log(size), xp.zeros_like(size))
        return growth / xp.where(self.moves > 0, self.moves, xp.ones_like(self.moves))

    def norm(self, v: Any) -> Any:
        """Euclidean norms; scaled, since squares of numbers that can be held may be too large, or too small."""
        xp, most = self.xp, self.xp.max(self.xp.abs(v), axis=-1)
        most = xp.where((most > 0) & xp.isfinite(most), most, xp.ones_like(most))
        v = v / most[..., None]
        return most * xp.sqrt(xp.sum(v * v, axis=-1))

    def top(self, t: int, x: Any) -> tuple[Any, Any]:
        """(largest eigenvalue of the Hessian (...), its unit vector (..., dim), NaN where the Hessian is 0); computed once a step."""
        if self.known[0] != t:
            x = self.exact(x)
            value, vector = self.decomposed(x) if x.shape[-1] <= FULL else self.lanczos(x)
            xp = self.xp
            vector = vector / self.norm(vector)[..., None]
            vector = xp.where(xp.sum(vector**3, axis=-1, keepdims=True) < 0, -vector, vector)
            self.known = t, (value, vector)
        return self.known[1]

    def decomposed(self, x: Any) -> tuple[Any, Any]:
        """The top of the whole Hessian."""
        xp, eye = self.xp, self.xp.eye(x.shape[-1], dtype=x.dtype)
        hessian = xp.stack([self.landscape.hvp(x, xp.zeros_like(x) + eye[j, :], self.p, xp) for j in range(x.shape[-1])], axis=-1)
        values, vectors, finite = self.eigen(hessian / 2 + xp.matrix_transpose(hessian) / 2)
        known = finite & xp.any(hessian != 0, axis=(-2, -1))
        return self.where(finite, values[..., -1]), self.where(known, vectors[..., :, -1])

    def lanczos(self, x: Any) -> tuple[Any, Any]:
        """The top by products alone. Every run ends when it has converged, whatever the others do."""
        xp, begin, shape = self.xp, self.direction(x), x.shape[:-1]
        value, vector, going = xp.zeros(shape, dtype=x.dtype), xp.zeros_like(x), xp.ones(shape, dtype=xp.bool)
        enough = going
        for _ in range(CYCLES):
            for theta, ritz, residual, most in self.cycle(x, begin):
                value, vector = xp.where(going, theta, value), xp.where(going[..., None], ritz, vector)
                size = xp.abs(theta)
                enough = xp.where(going, residual <= xp.maximum(ENOUGH * size, ROUNDING * most), enough)
                going = going & (residual > xp.maximum(CONVERGED * size, ROUNDING * most))
                begin = ritz / self.norm(ritz)[..., None]
                if not xp.any(going):
                    return value, vector
        return self.where(enough, value), self.where(enough, vector)

    def cycle(self, x: Any, q: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
        """FULL products from the unit vector q on, and at every LOOK of them: the largest eigenvalue of the projected Hessian, its vector (0
        where the Hessian is, NaN where it is not finite), the residual, and the largest eigenvalue in absolute value."""
        xp = self.xp
        projected = xp.zeros((*x.shape[:-1], FULL, FULL), dtype=x.dtype)
        basis = xp.zeros((*x.shape[:-1], FULL, x.shape[-1]), dtype=x.dtype)
        for j in range(FULL):
            basis[..., j, :] = q
            w, known = self.landscape.hvp(x, q, self.p, xp), basis[..., : j + 1, :]
            size = self.norm(w)
            for _ in range(2):  # once leaves what rounding has put back
                along = xp.matmul(known, w[..., None])
                projected[..., max(0, j - 1) : j + 1, j] += along[..., max(0, j - 1) :, 0]
                w = w - xp.matmul(xp.matrix_transpose(known), along)[..., 0]
            left = self.norm(w)
            fresh = left > 1e-14 * size
            left = xp.where(fresh | ~xp.isfinite(left), left, 0 * left)
            q = xp.where(fresh[..., None], w / xp.where(fresh, left, xp.ones_like(left))[..., None], xp.zeros_like(w))
            if j:
                projected[..., j, j - 1] = projected[..., j - 1, j]
                ended = xp.all(
                    basis[..., j, :] == 0, axis=-1
                )  # in an invariant subspace; a number below its largest eigenvalue keeps the place
                below = projected[..., 0, 0] - xp.abs(projected[..., 0, 0]) - xp.abs(projected[..., 0, 1])
                projected[..., j, j] = xp.where(ended, below, projected[..., j, j])
            if (j + 1) % LOOK == 0:
                values, vectors, finite = self.eigen(projected[..., : j + 1, : j + 1])
                ritz = xp.matmul(xp.matrix_transpose(known), vectors[..., :, -1:])[..., 0]
                ritz = xp.where(xp.any(projected != 0, axis=(-2, -1))[..., None], ritz, xp.zeros_like(ritz))
                residual = xp.where(finite, left * xp.abs(vectors[..., -1, -1]), xp.zeros_like(left))
                yield self.where(finite, values[..., -1]), self.where(finite, ritz), residual, xp.max(xp.abs(values), axis=-1)

    def curl(self, x: Any, state: Any) -> Any:
        """|J - J^T|_F / (2 |J|_F) for the Jacobian J of the noiseless update, the optimizer's state held; 0 for every gradient, NaN where J
        is 0."""
        xp, columns, x = self.xp, [], self.exact(x)
        eye, zero, still = xp.eye(x.shape[-1], dtype=x.dtype), xp.zeros_like(x), [self.exact(0 * part) for part in flat(state)]
        for j in range(x.shape[-1]):
            e = zero + eye[j, :]
            gradient, turn = self.landscape.gradient_along(x, e, self.p, xp)
            by_gradient = self.moved(x, zero, state, still, through=(gradient, turn))[0]
            columns.append(by_gradient + (self.moved(x, e, state, still, through=(gradient, zero))[0] - e))  # apart: 1 drowns small rates
        jacobian = xp.stack(columns, axis=-1)
        odd = jacobian / 2 - xp.matrix_transpose(jacobian) / 2
        flattened = (*x.shape[:-1], x.shape[-1] ** 2)
        return self.norm(xp.reshape(odd, flattened)) / self.norm(xp.reshape(jacobian, flattened))

    def kernel(self, x: Any) -> Any:
        """The eigenvalues of J D J^T, increasing; D is the optimizer's diagonal of signs, the identity where it has none."""
        xp = self.xp
        jacobian = self.landscape.jacobian(x, self.p, xp)
        kernel = xp.matmul(jacobian * self.simulation.given.get("sign", 1.0), xp.matrix_transpose(jacobian))
        finite = xp.all(xp.isfinite(kernel), axis=(-2, -1))
        return self.where(finite, xp.linalg.eigvalsh(xp.where(finite[..., None, None], kernel, xp.zeros_like(kernel))))

    def singular(self, x: Any) -> Any:
        """Singular values of all matrix blocks, (..., sum of their smaller sides)."""
        xp, parts = self.xp, []
        for name, where in self.landscape.block_slices.items():
            if len(shape := self.landscape.blocks[name]) == 2:
                a = xp.reshape(x[..., where], (*x.shape[:-1], *shape))
                finite = xp.all(xp.isfinite(a), axis=(-2, -1))
                parts.append(self.where(finite, xp.linalg.svdvals(xp.where(finite[..., None, None], a, xp.zeros_like(a)))))
        return xp.concat(parts, axis=-1)

    def eigen(self, matrix: Any) -> tuple[Any, Any, Any]:
        """Eigenvalues and vectors of symmetric matrices, and which of these are finite; of others zeros."""
        xp = self.xp
        finite = xp.all(xp.isfinite(matrix), axis=(-2, -1))
        return *xp.linalg.eigh(xp.where(finite[..., None, None], matrix, xp.zeros_like(matrix))), finite

    def where(self, known: Any, values: Any) -> Any:
        """`values`, NaN where they are not known; `known` has the leading axes."""
        known = self.xp.reshape(known, (*known.shape, *(1,) * (len(values.shape) - len(known.shape))))
        return self.xp.where(known, values, self.xp.asarray(float("nan"), dtype=values.dtype))
