"""Random numbers step by step."""

from typing import Any

import numpy as np


class Draws:
    """Random numbers step by step, made for several steps at once."""

    def __init__(self, kind: Any, seeds: Any, steps: int, ahead: int):
        self.kind, self.seeds, self.steps, self.ahead = kind, seeds, steps, ahead
        self.first, self.held = 0, None

    def at(self, step: int) -> Any:
        """The numbers of one step."""
        if self.held is None or not self.first <= step < self.first + self.held.shape[-3]:
            self.first = step
            made = self.kind(self.seeds, np.arange(step, max(step + 1, min(step + self.ahead, self.steps))))
            self.held = made
        return self.held[..., step - self.first, :, :]
