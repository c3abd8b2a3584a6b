"""A landscape of the user's own: one formula in the study."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from ..base import Count, Real, Spec
from ..expression import Formula, parse
from ..names import normal, normal_names
from ..sweep import Swept
from . import _tensors
from .base import Landscape, SymbolicLandscape

TENSORS = {"data", "sizes", "draws", "arrays", "samples", "population", "held"}
"""Keys that only a formula over tensors has."""


class Vector(Spec):
    """One vector variable: its name and number of components."""

    name: str = "x"
    dim: Count

    @field_validator("name")
    @classmethod
    def _as_formulas_read_it(cls, name: str) -> str:
        return normal(name)


class Expression(SymbolicLandscape):
    """A formula in scalar variables, or in one vector with sum(...) over its components.

    Functions: sin, cos, tan, sinh, cosh, tanh, arctan, exp, log, sqrt, abs, sign, min, max, where, log1p, expm1, sigmoid, softplus, logaddexp.
    docs/howto/own_formula.md says what the gradient is at kinks.

    `variables: [x, y]` or `vector: {name: x, dim: 100}`; every number in `parameters` can be swept; `observables` are recorded along the
    trajectory; `define` names parts of the formula for reuse.
    """

    forms: ClassVar[tuple[type[Landscape], ...]] = (_tensors.Tensors,)
    """Other classes of this kind."""

    kind: Literal["expression"] = "expression"
    variables: tuple[str, ...] = ()
    vector: Vector | None = None
    parameters: dict[str, Swept[Real]] = {}
    value_: Annotated[str, Field(alias="value", min_length=1)]
    observables: dict[str, str] = {}
    define: dict[str, str] = {}

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    @field_validator("variables", "parameters", "observables", "define", mode="before")
    @classmethod
    def _as_formulas_read_them(cls, names: Any) -> Any:
        return normal_names(names)

    @classmethod
    def model_validate(cls, obj: Any, **how: Any) -> Any:
        """As Pydantic's; a formula over tensors is another class of the same kind."""
        if isinstance(obj, dict) and (isinstance(obj.get("variables"), dict) or TENSORS & {*obj}):
            return _tensors.Tensors.model_validate(obj, **how)
        return super().model_validate(obj, **how)

    @model_validator(mode="after")
    def _parses(self):
        if bool(self.variables) == bool(self.vector):
            raise ValueError("give either `variables` (a list of names) or `vector` (name and dim)")
        parse(self.definition())
        return self

    def definition(self) -> Formula:
        vector = (self.vector.name, self.vector.dim) if self.vector else None
        return Formula(
            self.value_, self.variables, vector, tuple(self.parameters), tuple(self.observables.items()), tuple(self.define.items())
        )

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {
            "variables": ["x", "y"],
            "parameters": {"k": 3.0},
            "value": "k/2*(y - sin(x))**2 + (x - 1)**2",
            "observables": {"gap": "y - sin(x)"},
        }
