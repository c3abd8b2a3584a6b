"""Tables on the terminal. Every cell is whole: what has no room is left out as a whole column, and a line below says which."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...specs.text import printable

GAP = 2
"""Blanks between columns."""
NAME = 20
"""Characters up to which a word of a name is not broken."""
WIDE = 10_000
"""Columns of what is no terminal: nothing has to be left out."""


@dataclass(frozen=True)
class Column:
    """One column, its cells as shown."""

    title: str
    cells: Sequence[str]
    text: bool = False
    """Words, which may go on in the next line; numbers may not."""
    minor: bool = False
    """Left out before the others where there is no room for all."""
    name: bool = False
    """Names: even a single word that is too long goes on in the next line."""
    styles: Sequence[str] | None = None
    """Rich's style of each cell."""


@dataclass(frozen=True)
class Table:
    """A table that rich prints, as wide as the console at most."""

    columns: Sequence[Column]
    title: str = ""
    note: str = ""
    """What has to be said below it."""
    otherwise: str = "a wider terminal shows them"
    """How columns that were left out can be seen."""
    headings: bool = True

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.table import Table as Grid
        from rich.text import Text

        shown, widths = fit(self.columns, options.max_width, self.headings)
        if self.title:
            yield Text(printable(self.title), style="bold")
        grid = Grid(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_header=self.headings)
        for column, width in zip(shown, widths, strict=True):
            grid.add_column(
                Text(printable(column.title)), width=width, overflow="fold", justify="left" if column.text or column.name else "right"
            )
        for k in range(max((len(column.cells) for column in shown), default=0)):
            grid.add_row(*(Text(printable(c.cells[k]), style=c.styles[k] if c.styles else "") for c in shown))
        yield grid
        left = [column.title for column in self.columns if column.title and not any(column is one for one in shown)]
        for line in [*self.note.split("\n"), f"left out for want of room: {', '.join(left)}; {self.otherwise}" if left else ""]:
            if line:
                yield Text(printable(line), style="dim")


def fit(columns: Sequence[Column], width: int, headings: bool = True) -> tuple[list[Column], list[int]]:
    """The columns for which there is room, and their widths. The minor ones go first, all at once, then the others from the last on; the first stays.

    >>> table = [Column("name", ["sgd"], name=True), Column("loss", ["288"]), Column("runs", ["1,024"], minor=True)]
    >>> fit(table, 17)[1], [column.title for column in fit(table, 16)[0]]
    ([4, 4, 5], ['name', 'loss'])
    """
    from rich.cells import cell_len

    def least(column: Column) -> int:
        """The width at which no number and no word is broken."""
        words = [w for cell in column.cells for w in (printable(cell).split() if column.text or column.name else [printable(cell)])]
        titles = printable(column.title).split() if headings else []
        needed = max(map(cell_len, [*words, *titles]), default=0)
        return min(needed, max(1, min(NAME, width // 2))) if column.name else needed

    def most(column: Column) -> int:
        return max(map(cell_len, map(printable, [*column.cells, *([column.title] if headings else [])])), default=0)

    shown = list(columns)
    while len(shown) > 1 and sum(map(least, shown)) + GAP * (len(shown) - 1) > width:
        major = [column for k, column in enumerate(shown) if k == 0 or not column.minor]
        shown = major if len(major) < len(shown) else shown[:-1]
    widths, wanted = [min(least(column), width) for column in shown], [most(column) for column in shown]
    room = width - sum(widths) - GAP * (len(shown) - 1)
    while room > 0 and widths != wanted:
        for k in range(len(shown)):
            if widths[k] < wanted[k] and room > 0:
                widths[k], room = widths[k] + 1, room - 1
    return shown, widths


def console(stderr: bool = False, **options: Any) -> Any:
    """The console that everything is printed on: of text nothing is markup, and what is no terminal is as wide as it needs to be."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, **options)
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdigit() and "width" not in options:
        made.width = WIDE
    return made
