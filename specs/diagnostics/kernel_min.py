from typing import Any, ClassVar, Literal

from ._kernel import KernelDiagnostic, eigenvalues
from .base import View


class KernelMin(KernelDiagnostic):
    """Smallest eigenvalue of the tangent kernel J D J^T: J is the Jacobian of the residuals, D the diagonal matrix of the optimizer's signs."""

    kind: Literal["kernel_min"] = "kernel_min"
    text: ClassVar[str] = "smallest eigenvalue of the tangent kernel J D J^T, D the optimizer's signs"

    def see(self, view: View) -> Any:
        return view.once(eigenvalues)[..., 0]
