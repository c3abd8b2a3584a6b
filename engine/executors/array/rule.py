"""A rule on arrays: what `optimizers/_rule.py` has traced, evaluated step by step.

Numbers that are made of hyperparameters and the step alone are float64 whatever the study's precision, and rounded where arrays meet them: in
float32 `1 - beta2` is 0 for beta2 = 0.99999999, and so is the correction by 1 - beta2^t that a moment is divided by.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ....specs.program.arrays import Evaluation
from ....specs.program.node import Node
from ....specs.program.split import split


class Update:
    """Some outputs of a rule, of which it computes once what depends on hyperparameters alone.

    `fixed` are these, by name, as float64 arrays of the runs' axes; `stepped` the names of what changes from step to step and is a number.
    """

    def __init__(self, outputs: Sequence[Node], fixed: Mapping[str, Any], stepped: Collection[str], dtype: Any, xp: Any):
        parts = split(outputs, fixed, stepped)
        self.xp, self.dtype, self.stepped = xp, dtype, tuple(parts.stepped)
        self.names = tuple(stepped)
        self.each, self.rest = Evaluation(list(parts.stepped.values())), Evaluation(parts.rest)
        once = Evaluation(list(parts.fixed.values()))(xp, fixed)
        self.exact = {**fixed, **dict(zip(parts.fixed, once, strict=True))}
        self.held = {name: self.rounded(self.exact[name]) for name in parts.fixed}

    def rounded(self, a: Any) -> Any:
        """A number as arrays of the working precision meet it."""
        return self.xp.astype(a, self.dtype) if a.dtype == self.xp.float64 and self.dtype != self.xp.float64 else a

    def __call__(self, arrays: Mapping[str, Any], now: Mapping[str, Any]) -> list[Any]:
        """The outputs, from the arrays of x and the like in the working precision, and the numbers of this step."""
        step = {name: self.xp.asarray(now[name], dtype=self.xp.float64) for name in self.names}
        made = self.each(self.xp, {**self.exact, **step}) if self.stepped else ()
        numbers = {name: self.rounded(a) for name, a in zip(self.stepped, made, strict=True)}
        return self.rest(self.xp, {**arrays, **self.held, **numbers})
