"""A claim: a closed-form prediction about the run that `thalweg verify` checks."""

from typing import Annotated

from pydantic import Field, model_validator

from .base import NonNegative, Spec


class Claim(Spec):
    """measure == expected within atol + rtol |expected|, per point of the swept dims where `where` holds."""

    name: Annotated[str, Field(min_length=1)]
    group: str | None = None
    measure: Annotated[str, Field(min_length=1)]
    expected: str | float | None = None
    less_than: str | float | None = None
    greater_than: str | float | None = None
    where: str | None = None
    rtol: NonNegative = 0.0
    atol: NonNegative = 0.0
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.99

    @model_validator(mode="after")
    def _one_comparison(self):
        if sum(v is not None for v in (self.expected, self.less_than, self.greater_than)) != 1:
            raise ValueError("give exactly one of expected, less_than, greater_than")
        return self
