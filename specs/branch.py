"""A study that goes on from states another one has stored."""

from pydantic import Field

from .base import Index, Spec


class Branch(Spec):
    """Begin at step `at` with the states stored in `store` (a study with `record: {state: [at]}`), under this study's settings.

    Noise, batches and schedules count steps from 0 as in the other study, so what is left unchanged gives the same bits. Every run goes on
    from the one with its seed and its values of the other study's sweeps.
    """

    store: str = Field(description="the store whose states runs begin with; a relative path starts at the study")
    at: Index = Field(description="the step of those states")
