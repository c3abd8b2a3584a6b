"""Singular values of all matrix blocks, one block after the other, each from the largest on."""

from typing import TYPE_CHECKING, Any, ClassVar

from ..variables import Blocks, Own
from ._linear_algebra import finite_matrices, nan_unless
from .base import Diagnostic, View

if TYPE_CHECKING:
    from ..optimizer import Optimizer
    from ..study import Study


def singular(blocks: Blocks, particles: int) -> dict[str, dict[str, int]]:
    """One dimension for the smaller sides of all matrix blocks together."""
    return {"": {"singular": sum(min(shape) for shape in blocks.values() if len(shape) == 2)}}


def of_matrices(v: Any, view: View) -> Any:
    """Singular values of v (..., dim), laid out as the iterate is: (..., sum of the blocks' smaller sides)."""
    xp, parts = view.xp, []
    for name, where in view.landscape.block_slices.items():
        if len(shape := view.landscape.blocks[name]) == 2:
            held, finite = finite_matrices(xp.reshape(v[..., where], (*v.shape[:-1], *shape)), xp)
            parts.append(nan_unless(finite, xp.linalg.svdvals(held), xp))
    return xp.concat(parts, axis=-1)


class SingularDiagnostic(Diagnostic):
    """Singular values of something that is laid out as the iterate is."""

    own: ClassVar[Own] = staticmethod(singular)

    def unfit(self, study: "Study", optimizer: "Optimizer") -> str | None:
        if not any(len(shape) == 2 for shape in study.landscape.blocks.values()):
            return f"needs a parameter block that is a matrix, and {study.landscape.kind} has none"
        return "cannot be summarised over the seeds; leave out `stats`" if study.record.stats else None
