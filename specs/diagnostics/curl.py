from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ._linear_algebra import norm
from .base import Diagnostic, Landscape, View

if TYPE_CHECKING:
    from ..optimizer import Optimizer
    from ..study import Study

MOST = 512
"""Components at most: the Jacobian takes two gradients a component."""
MATRICES = 5
"""Arrays of the Jacobian's size that are held at a time."""


class Curl(Diagnostic):
    """Relative size of the antisymmetric part of the update field's Jacobian: |J - J^T|_F / (2 |J|_F).

    J is the Jacobian of the noiseless update x_(t+1) - x_t as a function of x_t, with the optimizer's state held fixed. It is exact, computed
    with dual numbers through the rule. The curl is 0 for every gradient field, and NaN where J is 0.
    """

    kind: Literal["curl"] = "curl"
    text: ClassVar[str] = (
        "antisymmetric part of the update field's Jacobian over the whole Jacobian, in Frobenius norm; NaN where the Jacobian is 0"
    )

    def see(self, view: View) -> Any:
        xp, x, columns = view.xp, view.x, []
        eye, zero = xp.eye(x.shape[-1], dtype=x.dtype), xp.zeros_like(x)
        for j in range(x.shape[-1]):
            e = zero + eye[j, :]
            _, turn = view.gradient_along(e)
            columns.append(view.next_along(zero, turn) + (view.next_along(e, zero) - e))  # apart: 1 drowns small rates
        jacobian = xp.stack(columns, axis=-1)
        odd = jacobian / 2 - xp.matrix_transpose(jacobian) / 2
        flattened = (*x.shape[:-1], x.shape[-1] ** 2)
        return norm(xp.reshape(odd, flattened), xp) / norm(xp.reshape(jacobian, flattened), xp)

    def unfit(self, study: "Study", optimizer: "Optimizer") -> str | None:
        largest = max(land.size for land in study.landscapes())
        return (
            f"takes 2 gradients per component; at most {MOST} components are allowed, and there are {largest}" if largest > MOST else None
        )

    def workspace(self, landscape: Landscape) -> int:
        return MATRICES * landscape.size**2
