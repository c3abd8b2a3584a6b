"""Numbers that change from step to step, made for several steps at once."""

from collections.abc import Iterator, Mapping

import numpy as np

from ....specs.formulas import Course

RATE = ("optimizer", "lr")
"""The learning rate, which a table of factors has for every executor."""
AHEAD = 2**16
"""Values that are made at once, of each number."""


class Moving:
    """The numbers that a rule or the noise takes, but for learning rate and schedule, which the table of factors has."""

    def __init__(self, courses: Mapping[tuple[str, ...], Course], steps: int):
        self.courses, self.steps = courses, steps
        self.first, self.tables = 0, {}

    @classmethod
    def of(cls, courses: Mapping[tuple[str, ...], Course], steps: int) -> "Moving | None":
        """Those among these courses, if there are any."""
        found = {key: course for key, course in courses.items() if key != RATE and key[:2] != ("optimizer", "schedule")}
        return cls(found, steps) if found else None

    def at(self, step: int) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
        """(owner, *path) and values (points or 1, 1), in float64, of the update that follows this step."""
        known = min((table.shape[1] for table in self.tables.values()), default=0)
        if not self.first <= step < self.first + known:
            points = max(course.points for course in self.courses.values())
            count = max(1, min(self.steps - step, AHEAD // points))
            self.first, self.tables = step, {key: course.table(step, count) for key, course in self.courses.items()}
        for key, table in self.tables.items():
            yield key, table[:, step - self.first].reshape(-1, 1)
