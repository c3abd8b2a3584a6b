"""What is stored, and at which steps. Step t is the iterate after t updates; step 0 is the start."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError, core_schema

from .base import Count, Index, Probability, Real, Spec, Unit
from .names import normal
from .registry import DIAGNOSTICS

Statistic = Literal["mean", "var", "quantiles"]


class _Variable:
    """A variable to store: its name, or a diagnostic with fields of its own as {kind: NAME, ...}."""

    def parse(self, given: Any) -> Any:
        if isinstance(given, str):
            return normal(given)
        if isinstance(given, (dict, Unit)):
            return DIAGNOSTICS.parse(given)
        raise PydanticCustomError("variable", "must be the name of a variable, or a mapping with the `kind` of a diagnostic and its fields")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        dump = core_schema.plain_serializer_function_ser_schema(lambda v: v if isinstance(v, str) else v.model_dump(mode="json"))
        return core_schema.no_info_plain_validator_function(self.parse, serialization=dump)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        units = [handler(DIAGNOSTICS.load(kind).__pydantic_core_schema__) for kind in DIAGNOSTICS.kinds()]
        return {"anyOf": [{"type": "string"}, *units]}


Asked = Annotated[Any, _Variable()]


class Record(Spec):
    """One of `every: n`, `log: n` (n steps, evenly spaced in the logarithm), `at: [...]`, `last: true`; the last step is always
    stored. `variables` names what: loss, params, observables of the landscape, average_loss and average_params (all these by default),
    and swarm or diagnostics, each by its kind, or as a mapping with fields of its own: {kind: curl}.

    With `stats`, what is stored of each variable is not every run but its statistics over the seeds: the mean, the unbiased variance, the
    `quantiles` (default 0.05, 0.25, 0.5, 0.75, 0.95), and the count of runs that have not diverged; and per run the final loss.

    `state` names steps at which the whole state of the runs is stored, too: iterate, optimizer states, average. `thalweg branch` goes on
    from there under changed settings.

    `compression`: lz4 is fast, zstd smaller, none the fastest where the disk has room. All are lossless."""

    every: Count | None = Field(default=None, description="interval between stored steps")
    log: Count | None = Field(default=None, description="store this many steps, evenly spaced on a logarithmic scale")
    at: Annotated[tuple[Index, ...], Field(min_length=1)] | None = Field(default=None, description="store these steps")
    last: bool = Field(default=False, description="store only the last step")
    variables: tuple[Asked, ...] | None = Field(default=None, description="what is stored; default: loss, params, observables and averages")
    stats: tuple[Statistic, ...] = Field(default=(), description="store these statistics over the seeds instead of every run")
    over: Literal["seed"] = Field(default="seed", description="the dimension over which statistics are taken")
    state: tuple[Index, ...] = Field(default=(), description="store the whole state of the runs at these steps, for `thalweg branch`")
    compression: Literal["lz4", "zstd", "none"] = Field(default="lz4", description="lossless: lz4 is fast, zstd smaller")
    quantiles: Annotated[tuple[Probability, ...], Field(min_length=1)] = Field(
        default=(0.05, 0.25, 0.5, 0.75, 0.95), description="the levels of the statistic quantiles"
    )

    @model_validator(mode="after")
    def _one_form(self):
        names = self.names or ()
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"variables: '{twice:.60}' is named twice")
        given = [name for name in ("every", "log", "at") if getattr(self, name) is not None] + ["last"] * self.last
        if len(given) > 1:
            raise ValueError(f"choose one of every, log, at, last; given: {', '.join(given)}")
        if any(b <= a for a, b in zip(self.state, self.state[1:], strict=False)):
            raise ValueError("state: its steps must increase")
        if self.state and self.stats:
            raise ValueError("state: where only statistics are stored, states of runs cannot be; leave out `stats`")
        if any(b <= a for a, b in zip(self.quantiles, self.quantiles[1:], strict=False)):
            raise ValueError("quantiles must increase")
        if self.quantiles != type(self).model_fields["quantiles"].default and "quantiles" not in self.stats:
            raise ValueError("quantiles are given, but the statistic is not asked for; add quantiles to `stats`")
        return self

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the variables that are asked for; None where the study leaves that out."""
        return None if self.variables is None else tuple(v if isinstance(v, str) else v.kind for v in self.variables)

    def steps(self, steps: int) -> np.ndarray:
        """The stored steps, increasing, int64. Without a form: at most about 1,000, evenly spaced.

        >>> Record(every=4).steps(10)
        array([ 0,  4,  8, 10])
        """
        if self.last:
            return np.array([steps])
        if self.at is not None:
            return np.array(sorted({*self.at, steps}), np.int64)
        if self.log is not None:
            marks = np.round(np.geomspace(1, max(steps, 1), min(self.log, steps + 1))).astype(np.int64)
            return np.array(sorted({0, *marks.tolist(), steps}), np.int64)
        made = np.arange(0, steps + 1, self.every or max(1, -(-steps // 1000)))
        return made if made[-1] == steps else np.append(made, steps)


class Stop(Spec):
    """When a run ends before its steps are over.

    `diverge_above`: the loss above which a run counts as diverged (null: only NaN and infinity do).
    `loss_below`: stop early, with success, once the loss is below; the iterate then stays where it is. With minibatches and streams both
    look at the loss of the step's samples, which is computed anyway; the recorded loss is that of all data.
    """

    diverge_above: Real | None = Field(
        default=1e15, description="the loss above which a run counts as diverged; null: only NaN and infinity do"
    )
    loss_below: Real | None = Field(default=None, description="the loss below which a run stops, with success")
