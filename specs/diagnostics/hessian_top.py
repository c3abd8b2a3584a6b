from typing import Any, ClassVar, Literal

from ._hessian import top, workspace
from .base import Diagnostic, Landscape, View


class HessianTop(Diagnostic):
    """Largest eigenvalue of the Hessian of the noiseless loss, lambda_max(H(x)). Exact Hessian-vector products."""

    kind: Literal["hessian_top"] = "hessian_top"
    text: ClassVar[str] = "largest eigenvalue of the Hessian"

    def see(self, view: View) -> Any:
        return view.once(top)[0]

    def workspace(self, landscape: Landscape) -> int:
        return workspace(landscape.size)
