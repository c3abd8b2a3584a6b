"""How far a run is, in a notebook: a bar for each optimizer, which is redrawn in its place."""

import sys
import threading
import time
from html import escape
from typing import Any

from ..progress import Progress
from ..text.sizes import duration

EVERY = 0.25
"""Seconds between two drawings."""


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython  # pyright: ignore[reportMissingImports]

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class NotebookProgress(Progress):
    """Bars as HTML, with the share that is done and the time that is left; at the end a line that says how long it took."""

    def __init__(self, planned: Any):
        from IPython.display import HTML, display  # pyright: ignore[reportMissingImports]

        self.html, self.lock, self.began, self.drawn = HTML, threading.Lock(), time.perf_counter(), 0.0
        self.name, self.runs = str(planned.study.name), planned.runs
        self.total = {group.name: group.work for group in planned.groups}
        self.done = dict.fromkeys(self.total, 0)
        self.handle: Any = display(HTML(self.text()), display_id=True)

    def advanced(self, group: str, steps: int) -> None:
        with self.lock:
            self.done[group] += steps
            self.draw()

    def looked(self, group: str, probe: str, points: int, total: int) -> None:
        with self.lock:
            name = f"{group} {probe}"
            self.total[name] = total
            self.done[name] = self.done.get(name, 0) + points
            self.draw()

    def draw(self, last: bool = False) -> None:
        """Redraw, unless that was done a moment ago."""
        now = time.perf_counter()
        if last or now - self.drawn > EVERY:
            self.drawn = now
            self.handle.update(self.html(self.text(last)))

    def text(self, last: bool = False) -> str:
        """The bars, or at the end one line."""
        took = time.perf_counter() - self.began
        if last:
            return f"<small>{escape(self.name)}: {self.runs:,} runs in {escape(duration(took))}</small>"
        rows = []
        for name, total in self.total.items():
            done = self.done.get(name, 0)
            left = duration(took * (total - done) / done) if 0 < done < total else ""
            said = f"{done / total:.0%}" + f", {left} left" * bool(left) if total else ""
            bar = f'<progress max="{total}" value="{done}" style="width: 16em"></progress>'
            rows.append(f"<tr><td style='text-align: left'>{escape(name)}</td><td>{bar}</td><td>{said}</td></tr>")
        return f"<table>{''.join(rows)}</table>"
