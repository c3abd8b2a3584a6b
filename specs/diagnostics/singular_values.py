from typing import Any, ClassVar, Literal

from ._singular import SingularDiagnostic, of_matrices
from .base import View


class SingularValues(SingularDiagnostic):
    """Singular values of the iterate's matrix blocks, one block after another, each in decreasing order."""

    kind: Literal["singular_values"] = "singular_values"
    text: ClassVar[str] = "singular values of the iterate's matrix blocks"

    def see(self, view: View) -> Any:
        return of_matrices(view.x, view)
