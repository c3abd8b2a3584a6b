from typing import Any, ClassVar, Literal

from ._singular import SingularDiagnostic, of_matrices
from .base import View


class UpdateSingularValues(SingularDiagnostic):
    """Singular values of the matrix blocks of the last update, one block after another; NaN at the first step."""

    kind: Literal["update_singular_values"] = "update_singular_values"
    text: ClassVar[str] = "singular values of the last update"

    def see(self, view: View) -> Any:
        return of_matrices(view.update, view)
