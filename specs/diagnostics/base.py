"""What every diagnostic offers, and what it is shown.

A diagnostic is a number, or an array, that every landscape and every optimizer of single iterates has at a step: the norm of the gradient,
the top of the Hessian. All are computed in float64, whatever the precision of the study, and stored in that. A study asks for one by its
kind, `record: {variables: [loss, curl]}`, or with fields of its own, `{kind: curl, ...}`. They run in the array executor.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..base import Unit
from ..landscapes.base import Landscape
from ..variables import Own, Variable, scalar

if TYPE_CHECKING:
    from ..optimizer import Optimizer
    from ..study import Study


class Twin(Protocol):
    """An infinitesimally close run with the same noise and samples."""

    tangent: Any
    """How its iterate (points, seeds, dim) differs; iterate and state together have length 1."""
    growth: Any
    """The logarithm of all growth of that length so far (points, seeds)."""
    moves: Any
    """The number of updates made (points, seeds)."""


class View(Protocol):
    """One step of a simulation as a diagnostic sees it. Arrays are float64, with the leading axes (points of the sweep, seeds)."""

    xp: Any
    """The namespace of the arrays."""
    t: int
    landscape: Landscape
    p: dict[str, Any]
    """The landscape's numbers by name, as its `value` takes them."""
    x: Any
    """The iterate (points, seeds, dim)."""
    update: Any
    """The update that led to x (points, seeds, dim); NaN at the first step."""
    twin: Twin
    """Of diagnostics that say `needs_twin`."""

    @property
    def given(self) -> Mapping[str, Any]:
        """The inputs of the optimizer's rule by name: hyperparameters, and `sign` where it has signs."""
        ...

    def gradient(self) -> Any:
        """The noiseless gradient at x (points, seeds, dim)."""
        ...

    def hvp(self, v: Any) -> Any:
        """The Hessian at x times v, which is shaped as x."""
        ...

    def jacobian(self) -> Any:
        """The derivatives of the residuals at x (points, seeds, residuals, dim)."""
        ...

    def gradient_along(self, v: Any) -> tuple[Any, Any]:
        """The gradient at x that optimizers get without noise, and its derivative along v."""
        ...

    def next_along(self, v: Any, turn: Any) -> Any:
        """How the next iterate of the noiseless update moves where x moves along v and its gradient along `turn`, the state held."""
        ...

    def once(self, function: Callable[["View"], Any]) -> Any:
        """function(view), computed once a step for all diagnostics that share it."""
        ...


class Diagnostic(Unit):
    """Base. A subclass gives `text` and `see`; everything else has a default."""

    text: ClassVar[str] = ""
    """One line for people, stored as the array's `long_name`."""
    units: ClassVar[str] = "1"
    needs_twin: ClassVar[bool] = False
    """Whether it looks at `view.twin`, which costs a derivative of every update."""
    own: ClassVar[Own] = staticmethod(scalar)
    """Its own dimensions: `scalar`, `components`, or a function of (blocks, particles) as in specs/variables.py."""

    def see(self, view: View) -> Any:
        """The diagnostic at a step: (points, seeds, own dimensions...)."""
        raise NotImplementedError

    def unfit(self, study: "Study", optimizer: "Optimizer") -> str | None:
        """Why it cannot be recorded of this optimizer's runs in this study; None if it can."""
        return None

    def workspace(self, landscape: Landscape) -> int:
        """How many numbers a run takes while this is computed; roughly."""
        return 0

    def variable(self) -> Variable:
        """This diagnostic as a variable that is stored."""

        def unfit(study: "Study", optimizer: "Optimizer") -> str | None:
            if not optimizer.sees_gradients:
                return f"is computed for a single iterate, and {optimizer.name} has particles"
            return self.unfit(study, optimizer)

        return Variable(self.kind, self.text, "diagnostic", self.units, False, type(self).own, unfit, self)
