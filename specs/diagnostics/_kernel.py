"""The tangent kernel of a loss that is half a sum or mean of squared residuals."""

from typing import TYPE_CHECKING, Any

from ..landscapes.base import Landscape
from ._linear_algebra import finite_matrices, nan_unless
from .base import Diagnostic, View

if TYPE_CHECKING:
    from ..optimizer import Optimizer
    from ..study import Study

ARRAYS = 2
"""Arrays that are held at a time: of the Jacobian's size, and of the kernel's."""


def eigenvalues(view: View) -> Any:
    """The eigenvalues of J D J^T (..., residuals), increasing; D is the optimizer's diagonal of signs, the identity where it has none."""
    xp, jacobian = view.xp, view.jacobian()
    kernel = xp.matmul(jacobian * view.given.get("sign", 1.0), xp.matrix_transpose(jacobian))
    held, finite = finite_matrices(kernel, xp)
    return nan_unless(finite, xp.linalg.eigvalsh(held), xp)


class KernelDiagnostic(Diagnostic):
    """An eigenvalue of the tangent kernel."""

    def unfit(self, study: "Study", optimizer: "Optimizer") -> str | None:
        if not study.landscape.has_jacobian:
            return f"needs a loss that is a sum of squared residuals, and that of {study.landscape.kind} is not"
        return None

    def workspace(self, landscape: Landscape) -> int:
        residuals = landscape.batch_count() or min(next(iter(landscape.blocks.values())))
        return ARRAYS * residuals * (landscape.size + residuals)
