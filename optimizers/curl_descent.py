"""Curl descent."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr, field_validator

from ..specs.base import NonNegative, Probability, Real
from ..specs.errors import PlacedError, suggest
from ..specs.names import normal_names
from ..specs.program.arrays import evaluate
from ..specs.program.read import Reading
from ..specs.sweep import Structural, StructuralValues, Swept, values_of
from .base import VectorOptimizer


class CurlDescent(VectorOptimizer):
    """Gradient descent with the sign of some neurons' plasticity flipped: x <- x - lr D g, D diagonal with entries +-1.

    With `side` presynaptic, `hidden_flips` is the flipped fraction of the rows of the first matrix (synapses that leave the flipped inputs),
    and `readout_flips` that of the last matrix. With postsynaptic, they are fractions of the columns (synapses that reach the flipped neurons).
    The first rows or columns are flipped. `flips` does the same for any block by its name; for a vector, it flips entries. `signs` gives the
    entries of D directly, for each block: a number, or a formula over the landscape's sizes that broadcasts to the block, as in
    {W1: "where(arange(h) < h/4, -1, 1)"}; 0 freezes a weight. If both name a block, the factors are multiplied. With `preserve_norm`,
    every block is then rescaled to its initial Frobenius norm. As soon as signs are mixed, the update is not the gradient of any function: the
    field's Jacobian -D H is symmetric only if D commutes with the Hessian H (derived).
    Source: arXiv:2510.02765 ('col' and 'row' flips of its code).
    """

    kind: Literal["curl_descent"] = "curl_descent"
    lr: Swept[NonNegative] = 0.1
    hidden_flips: Structural[Probability] = 0.0
    readout_flips: Structural[Probability] = 0.0
    flips: Annotated[dict[str, Structural[Probability]], StructuralValues()] = Field(
        default={}, description="for each block, the fraction of its rows, columns or entries that are flipped"
    )
    signs: Annotated[dict[str, Structural[Real | str]], StructuralValues()] = Field(
        default={}, description="for each block, factors on its steps: a number or a formula over the landscape's sizes"
    )
    side: Structural[Literal["presynaptic", "postsynaptic"]] = "presynaptic"
    preserve_norm: Structural[bool] = False

    state = ("size",)
    source = "arXiv:2510.02765"
    _sizes: Mapping[str, int] = PrivateAttr(default_factory=dict)

    @field_validator("flips", "signs", mode="before")
    @classmethod
    def _as_formulas_read_them(cls, names: Any) -> Any:
        return normal_names(names)

    def with_sizes(self, sizes: Mapping[str, int]) -> "CurlDescent":
        made = self.model_copy()
        made._sizes = dict(sizes)
        return made

    def unfit(self, blocks: Mapping[str, tuple[int, ...]]) -> str | None:
        for field in ("flips", "signs"):
            for name in getattr(self, field):
                if name not in blocks:
                    return f"{field}: there is no block '{name:.60}'{suggest(name, blocks)}"
        if scalar := next((name for name in self.flips if not blocks[name]), None):
            return f"flips: {scalar} is a single number, and part of a number cannot be flipped; use signs"
        try:
            for name, given in self.signs.items():
                for each in values_of(given):
                    entries(name, each, self._sizes, blocks[name])
        except PlacedError as error:
            return str(error)
        matrices = sum(len(shape) == 2 for shape in blocks.values())
        given = [name for name in ("hidden_flips", "readout_flips") if getattr(self, name) != 0]
        if given and not matrices:
            return f"{' and '.join(given)} flip rows of a matrix; use a landscape with one, or leave them at 0 for gradient descent"
        if len(given) == 2 and matrices == 1:
            return "its only matrix is both the first and the last; give hidden_flips or readout_flips, not both"
        return None

    def remarks(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
        matrices, made = [shape for shape in blocks.values() if len(shape) == 2], {}
        for name, k in (("hidden_flips", 0), ("readout_flips", -1)) if matrices else ():
            of, fractions = matrices[k][self.side != "presynaptic"], values_of(getattr(self, name))
            if any(fractions):
                made[name] = f"{', '.join(str(flips(fraction, of)) for fraction in fractions)} of {of}"
        said = []
        for name, given in self.flips.items():
            of = len(self.flippable(np.ones(blocks[name])))
            said.append(f"{', '.join(str(flips(fraction, of)) for fraction in values_of(given))} of {of} in {name}")
        return made | ({"flips": "; ".join(said)} if said else {})

    def flippable(self, part: Any) -> Any:
        """A block with the axis of what is flipped in front: rows, columns, or the entries of a vector."""
        return part if self.side == "presynaptic" else part.T

    def constants(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """`sign`, the diagonal of D, and `segments` (blocks, dim), 1 where a component belongs to a block."""
        parts = {name: np.ones(shape) for name, shape in blocks.items()}
        for part, fraction in self.flipped(parts):
            rows = self.flippable(part)
            rows[: flips(fraction, len(rows))] *= -1
        for name, given in self.signs.items():
            parts[name] *= entries(name, given, self._sizes, blocks[name])
        ends = np.cumsum([0, *map(math.prod, blocks.values())])
        at = np.arange(ends[-1])
        segments = [(at >= low) & (at < high) for low, high in itertools.pairwise(ends)]
        return {"sign": np.concatenate([part.reshape(-1) for part in parts.values()]), "segments": np.array(segments, dtype=float)}

    def flipped(self, parts: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
        """Blocks and the fraction that is flipped of each."""
        matrices = [part for part in parts.values() if part.ndim == 2]
        if matrices:
            yield from ((matrices[0], self.hidden_flips), (matrices[-1], self.readout_flips))
        yield from ((parts[name], fraction) for name, fraction in self.flips.items())

    @staticmethod
    def update(x, g, size, t, lr, sign, segments, preserve_norm):
        new = x - lr * sign * g
        if preserve_norm:
            size = np.where(t == 1, _norms(x, segments), size)
            new = new * size / _norms(new, segments)
        return new, size


def entries(name: str, given: Any, sizes: Mapping[str, int], shape: tuple[int, ...]) -> Any:
    """What `signs` says of a block, a number or a formula of sizes, as an array that broadcasts to its shape. Raises PlacedError if it does
    not."""
    made = given
    if isinstance(given, str):
        formula = Reading({}, sizes).read(given, ("signs", name))
        with np.errstate(all="ignore"):
            (made,) = evaluate([formula], np, {})
    made = np.asarray(made, dtype=float)
    try:
        np.broadcast_to(made, shape)
    except ValueError:
        raise PlacedError(("signs", name), f"has the shape {made.shape}, which does not broadcast to that of {name}, {shape}") from None
    if not np.isfinite(made).all():
        raise PlacedError(("signs", name), "is not finite everywhere")
    return made


def flips(fraction: Any, rows: int) -> int:
    """How many of so many rows are flipped."""
    return round(float(fraction) * rows)


def _norms(x, segments):
    """The norm of the block each component belongs to."""
    size = np.matmul(np.max(np.abs(x)[..., None, :] * segments, axis=-1), segments)
    x = x / np.where((size > 0) & np.isfinite(size), size, 1.0)
    return size * np.sqrt(np.matmul(np.matmul(x * x, segments.T), segments))
