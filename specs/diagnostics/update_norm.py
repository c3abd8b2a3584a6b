from typing import Any, ClassVar, Literal

from ._linear_algebra import norm
from .base import Diagnostic, View


class UpdateNorm(Diagnostic):
    """Euclidean norm of the last update, |x_t - x_(t-1)|; NaN at the first step."""

    kind: Literal["update_norm"] = "update_norm"
    text: ClassVar[str] = "Euclidean norm of the last update"

    def see(self, view: View) -> Any:
        return norm(view.update, view.xp)
