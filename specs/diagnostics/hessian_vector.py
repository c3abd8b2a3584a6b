from typing import Any, ClassVar, Literal

from ..variables import Own, components
from ._hessian import top, workspace
from .base import Diagnostic, Landscape, View


class HessianVector(Diagnostic):
    """Unit eigenvector v of the Hessian's largest eigenvalue, with sum(v^3) >= 0; NaN where the Hessian is 0."""

    kind: Literal["hessian_vector"] = "hessian_vector"
    text: ClassVar[str] = "unit eigenvector of the Hessian's largest eigenvalue; NaN where the Hessian is 0"
    own: ClassVar[Own] = staticmethod(components)

    def see(self, view: View) -> Any:
        return view.once(top)[1]

    def workspace(self, landscape: Landscape) -> int:
        return workspace(landscape.size)
