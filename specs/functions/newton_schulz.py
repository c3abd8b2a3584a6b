"""newton_schulz(A): an approximation of the orthogonal factor of a matrix, by matrix products alone."""

from typing import Any

from ..program.derivative import pulled
from ..program.function import IDENTITY, Function, as_float
from ..program.node import Node, Wrong, apply, node

MUON = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan's quintic Newton-Schulz iteration, tuned for speed: singular values end in [0.68, 1.13], not at 1."""


class NewtonSchulz(Function):
    """X <- a X + (b S + c S^2) X with S = X X^T, `steps` times, from X = A / (|A|_F + eps), or with `clamp` A / max(|A|_F, eps). It maps each
    singular value s by a s + b s^3 + c s^5; of 0 it is 0. Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/."""

    name = "newton_schulz"
    group = "products"
    examples = ("newton_schulz(x)", "newton_schulz(T(x), steps=2)", "newton_schulz(A, 0.1, clamp=True)", "newton_schulz(stack(A, B))")
    count = (1, 2)

    def build(self, *args: Node, steps: int = 5, coefficients: tuple[float, ...] = MUON, clamp: bool = False) -> Node:
        A, eps = as_float(args[0]), as_float(args[1]) if len(args) > 1 else None
        if A.ndim < 2:
            raise Wrong("newton_schulz takes a matrix, and {0} is not one", A)
        if eps is not None and eps.shape:
            raise Wrong("newton_schulz takes a number as eps, and {1} is an array", *args)
        if steps < 0 or len(coefficients) != 3:
            raise Wrong("newton_schulz takes steps of at least 0, and three coefficients")
        options = {"steps": steps, "coefficients": tuple(map(float, coefficients)), "clamp": clamp}
        return node(self, (A, apply("add", 1e-7, 0.0) if eps is None else eps), A.shape, axes=A.axes, **options)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        A, eps = arrays
        own = getattr(xp, "newton_schulz", None) or by_products  # a namespace may have a kernel of its own
        eps = xp.reshape(eps, (*eps.shape, *(1,) * made.ndim))
        return own(xp, A, made.option("steps"), made.option("coefficients"), eps, made.option("clamp"))

    def made_of(self, y: Node, A: Node, eps: Node) -> Node:
        """What the node y is of these arguments, made of other functions."""
        a, b, c = y.option("coefficients")
        tall = A.shape[-2] > A.shape[-1]
        x = apply("T", A) if tall else A
        size = apply("norm", x, axis=(-2, -1), keepdims=True)
        size = apply("maximum", size, eps) if y.option("clamp") else size + eps
        x = x / apply("where", size > 0.0, size, 1.0)
        for _ in range(y.option("steps")):
            gram = x @ apply("T", x)
            x = a * x + (c * (gram @ gram) + b * gram) @ x
        return apply("T", x) if tall else x

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        own = [IDENTITY(a, by=self.name) for a in args]  # by which a gradient can be taken, whatever they are made of
        return tuple(pulled(self.made_of(y, *own), g, own))


def by_products(xp: Any, g: Any, steps: int, coefficients: tuple[float, ...], eps: Any, clamp: bool) -> Any:
    """The iteration on arrays (..., rows, cols), wide or tall."""
    a, b, c = coefficients
    tall = g.shape[-2] > g.shape[-1]
    x = transposed(xp, g) if tall else g
    size = frobenius(xp, x)
    size = xp.where(size < eps, eps, size) if clamp else size + eps
    x = x / xp.where(size > 0, size, xp.ones_like(size))
    for _ in range(steps):
        gram = xp.matmul(x, transposed(xp, x))
        polynomial = xp.matmul(gram, gram)
        polynomial *= c  # in place: sums of large matrices cost memory traffic
        gram *= b
        polynomial += gram
        bent = xp.matmul(polynomial, x)
        x *= a
        x += bent
    return transposed(xp, x) if tall else x


def transposed(xp: Any, a: Any) -> Any:
    """The last two axes exchanged."""
    return xp.moveaxis(a, -1, -2)


def frobenius(xp: Any, a: Any) -> Any:
    """The Frobenius norm (..., 1, 1), also where its square overflows or underflows."""
    kind = xp.finfo(a.dtype)
    size = xp.sqrt(xp.sum(a * a, axis=(-2, -1), keepdims=True))
    near = (size > kind.smallest_normal**0.5 / kind.eps) & (size < kind.max)
    if xp.all(near):
        return size
    top = xp.max(xp.abs(a), axis=(-2, -1), keepdims=True)
    inner = a / xp.where(top > 0, top, xp.ones_like(top))
    return xp.where(near, size, top * xp.sqrt(xp.sum(inner * inner, axis=(-2, -1), keepdims=True)))
