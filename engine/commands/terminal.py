"""What the commands share on the terminal: progress, estimates, times for people."""

import math
from typing import Any

FUSED_RATE = 10**8
"""Components (runs x steps x dim) that the fused executor moves in a second and thread at least, see benchmarks/RESULTS.md."""


def estimate(plan: Any) -> float:
    """Seconds the plan will take, roughly: measured on a few steps of one shard of each group, or for fused groups by FUSED_RATE."""
    import os
    import time
    from dataclasses import replace

    from ..executors.choose import choose, simulation

    seconds = 0.0
    for group in plan.groups:
        if choose(group).name == "fused":
            seconds += group.runs * group.study.steps * group.study.landscape.size / FUSED_RATE / (os.cpu_count() or 1)
            continue
        steps, began = 0, 0.0
        for steps in (1, min(20, group.study.steps)):
            shard = next(next(replace(group, study=group.study.model_copy(update={"steps": steps})).shards()).split())
            began = time.perf_counter()
            for _ in simulation(shard, "array").run():
                pass
        seconds += (time.perf_counter() - began) / steps * group.study.steps * math.ceil(group.runs / (shard.points * len(shard.seeds)))
    return seconds


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(75)
    '1 min 15 s'
    """
    if seconds < 1:
        return "a second"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class progress:
    """A bar with rate and time left, once a run takes longer than a second; nothing when not at a terminal."""

    def __init__(self, study: Any, wanted: bool):
        from rich.console import Console

        self.study, self.bar, self.console = study, None, Console(stderr=True)
        self.wanted = wanted and self.console.is_terminal

    def __enter__(self) -> Any:
        if not self.wanted:
            return None
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from ..plan import plan

        total = plan(self.study).work
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[rate]}"))
        self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
        self.task = self.bar.add_task(self.study.name, total=total, rate="")
        self.bar.start()
        return self.advance

    def advance(self, steps: int) -> None:
        if self.bar is None:
            return
        self.bar.advance(self.task, steps)
        task = self.bar.tasks[0]
        if task.elapsed:
            self.bar.update(self.task, rate=f"{task.completed / task.elapsed / 1e6:.1f} M steps/s")

    def __exit__(self, *reason: object) -> None:
        if self.bar is not None:
            self.bar.stop()
