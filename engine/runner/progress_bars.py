"""How far a run is, on a terminal or in a notebook."""

from typing import Any

from ...specs.text import printable
from ..progress import Progress
from ..text.sizes import duration
from .notebook_progress import in_notebook

BARS = "▁▂▃▄▅▆▇█"
CURVE = 24
"""Characters of a loss curve."""
SLOW = 5.0
"""Seconds from which on a run's slowest group is named."""


def sparkline(values: Any) -> str:
    """A curve in block characters; logarithmic if all values are positive, blank where there is none yet.

    >>> sparkline([100.0, 10.0, 1.0, float("nan")])
    '█▅▁ '
    """
    import numpy as np

    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if not known.any():
        return " " * len(values)
    with np.errstate(all="ignore"):
        height = np.log(values) if (values[known] > 0).all() else values
    low, high = height[known].min(), height[known].max()
    level = np.zeros(len(values)) if high == low else (height - low) / (high - low) * (len(BARS) - 1)
    return "".join(BARS[round(v)] if k else " " for v, k in zip(level.tolist(), known, strict=True))


class Live(Progress):
    """A line an optimizer: bar, throughput, and the lowest median loss of the runs so far along the steps.

    The best point of the sweep is known only at the end (see engine/results/best.py): what is lowest at one step need not be so there.
    """

    def __init__(self, planned: Any, console: Any):
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        fields = ("{task.description}", "{task.percentage:>3.0f}%", "{task.fields[rate]}", "{task.fields[curve]}")
        name, percent, rate, curve = (TextColumn(field, markup=False) for field in fields)
        self.bars = Bars(name, BarColumn(24), percent, rate, TimeRemainingColumn(compact=True), curve, console=console, transient=True)
        self.seconds = dict.fromkeys((g.name for g in planned.groups), 0.0)
        self.curves: dict[str, Any] = {}
        self.steps = {g.name: g.study.steps for g in planned.groups}
        self.tasks = {g.name: self.bars.add_task(printable(g.name), total=g.work, rate="", curve="") for g in planned.groups}

    def advanced(self, group: str, steps: int) -> None:
        task = self.tasks[group]
        self.bars.advance(task, steps)
        now = self.bars.tasks[task]
        if now.elapsed:
            self.bars.update(task, rate=f"{now.completed / now.elapsed / 1e6:.1f} M steps/s")

    def recorded(self, group: str, steps: Any, data: dict[str, Any]) -> None:
        """Keeps, for each part of the way, the lowest median over (some of) the seeds."""
        import numpy as np

        from ..results.quantiles import quantile

        if "loss" not in data or not len(steps):
            return
        curve = self.curves.setdefault(group, np.full(CURVE, np.nan))
        some = np.unique(np.linspace(0, len(steps) - 1, CURVE).astype(int))
        loss = np.asarray(data["loss"])[:64, :64][..., some]
        best = quantile(np.where(np.isfinite(loss), loss, np.inf).swapaxes(1, 2), 0.5).min(0)
        place = np.asarray(steps)[some] * CURVE // (self.steps[group] + 1)
        for k, value in zip(place.tolist(), best.tolist(), strict=True):
            if np.isfinite(value):
                curve[k] = np.fmin(curve[k], value)
        low = curve[np.isfinite(curve)]
        self.bars.update(self.tasks[group], curve=f"{sparkline(curve)} lowest median loss {low[-1]:.3g}" if len(low) else "")

    def looked(self, group: str, probe: str, points: int, total: int) -> None:
        name = f"{group} {probe}"
        if name not in self.tasks:
            self.tasks[name] = self.bars.add_task(printable(name), total=total, rate="", curve="")
        self.bars.advance(self.tasks[name], points)

    def finished(self, group: str, seconds: float) -> None:
        self.seconds[group] += seconds


class progress:
    """Shows a run's progress on a terminal or in a notebook; elsewhere nothing. At the end `slowest` says what took most of the time."""

    def __init__(self, study: Any, wanted: bool):
        from ..text.tables import console

        self.study, self.live, self.console = study, None, console(stderr=True)
        self.notebook: Any = None
        self.wanted = wanted and (self.console.is_terminal or in_notebook())

    def __enter__(self) -> "Live | Any":
        if not self.wanted:
            return None
        from ..plan import plan

        if in_notebook():
            from .notebook_progress import NotebookProgress

            self.notebook = NotebookProgress(plan(self.study))
            return self.notebook
        self.live = Live(plan(self.study), self.console)
        self.live.bars.start()
        return self.live

    def __exit__(self, *reason: object) -> None:
        if self.notebook is not None:
            self.notebook.draw(last=reason[0] is None)
        if self.live is None:
            return
        self.live.bars.stop()
        seconds = self.live.seconds
        if reason[0] is None and len(seconds) > 1 and sum(seconds.values()) > SLOW:
            name = max(seconds, key=lambda group: seconds[group])
            share, text = seconds[name] / sum(seconds.values()), duration(seconds[name])
            said = f"slowest: {name}, {share:.0%} of the time ({text} of a core); thalweg check says on which executor"
            self.console.print(printable(said), style="dim")
