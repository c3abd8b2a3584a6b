from typing import Any, ClassVar, Literal

from ._linear_algebra import norm
from .base import Diagnostic, View


class Lyapunov(Diagnostic):
    """Lyapunov exponent: mean logarithmic growth per step of an infinitesimal distance between runs with the same noise.

    It is log(|v_t| / |v_0|) / t, where v_t is the iterate's part of the tangent vector, propagated by the exact derivative of every
    update (and the state's part, too, as long as the iterate's part is 0). It is -inf where the distance vanishes.
    Source: Benettin et al. 1980, doi:10.1007/BF02128236.
    """

    kind: Literal["lyapunov"] = "lyapunov"
    text: ClassVar[str] = (
        "mean logarithmic growth per step of an infinitesimal distance between runs with the same noise; -inf where it vanishes"
    )
    needs_twin: ClassVar[bool] = True

    def see(self, view: View) -> Any:
        xp, twin = view.xp, view.twin
        size = norm(twin.tangent, xp)
        growth = twin.growth + xp.where(size > 0, xp.log(size), xp.zeros_like(size))
        return growth / xp.where(twin.moves > 0, twin.moves, xp.ones_like(twin.moves))
