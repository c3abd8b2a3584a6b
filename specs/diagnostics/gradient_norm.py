from typing import Any, ClassVar, Literal

from ._linear_algebra import norm
from .base import Diagnostic, View


class GradientNorm(Diagnostic):
    """Euclidean norm of the noiseless gradient, |grad f(x)|."""

    kind: Literal["gradient_norm"] = "gradient_norm"
    text: ClassVar[str] = "Euclidean norm of the noiseless gradient"

    def see(self, view: View) -> Any:
        return norm(view.gradient(), view.xp)
