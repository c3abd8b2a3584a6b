"""A view as a table: for people (terminal, LaTeX) rounded, for programs (CSV, JSON) every digit.

The tables are made of the same columns. CSV and JSON hold the whole dataset, one row an entry of its largest variable; infinity is `inf`
in CSV and "inf" in JSON, which has no word for it, NaN an empty field and null.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ..whole import write_whole
from .columns import Column, columns, note

FORMATS = ("table", "csv", "latex", "json")


def save(dataset: Any, kind: str, out: "str | Path | None" = None) -> str:
    """The view as text in the format table, csv, latex or json; written to `out`, too, if that is given.

    Raises SpecError for an unknown format, StoreError where the file cannot be written.
    """
    if kind not in FORMATS:
        raise SpecError(f"compare: there is no format '{kind}'{suggest(kind, FORMATS)} (known: {', '.join(FORMATS)})")
    text = {"table": plain, "csv": csv, "latex": latex, "json": as_json}[kind](dataset)
    if out is not None:
        write_whole(out, text)
    return text


def table(dataset: Any, narrow: bool = False) -> Any:
    """The view for rich: a table, four significant digits, and the note below it; `narrow` leaves out some columns, for 80 characters."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, padding=(0, 2, 0, 0))
    shown = [column for column in columns(dataset) if not (narrow and column.minor)]
    for column in shown:
        made.add_column(
            column.title,
            overflow="fold" if column.text else "ellipsis",
            justify="left" if column.text else "right",
            no_wrap=not column.text,
            min_width=min(20, max(len(word) for text in [column.title, *column.cells] for word in (text.split() or [""])))
            if column.text
            else None,
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        made.add_row(*map(Text, row))
    return Group(made, Text(note(dataset), style="dim"))


def plain(dataset: Any) -> str:
    """The table as text 160 columns wide."""
    import io

    from rich.console import Console

    file = io.StringIO()
    Console(width=160, file=file).print(table(dataset))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def latex(dataset: Any) -> str:
    r"""A LaTeX tabular with the rules of booktabs (\usepackage{booktabs}), the note as a comment above it."""
    shown = columns(dataset)
    lines = [f"% {line}" for line in note(dataset).splitlines()]
    lines += [rf"\begin{{tabular}}{{{''.join('l' if column.text else 'r' for column in shown)}}}", r"\toprule"]
    lines += [" & ".join(escaped(column.title) for column in shown) + r" \\", r"\midrule"]
    lines += [" & ".join(cell(column, k) for column in shown) + r" \\" for k in range(len(shown[0].cells))]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def cell(column: Column, k: int) -> str:
    """A cell in LaTeX: numbers with a true minus sign and power of ten, infinity as its symbol."""
    text = column.cells[k]
    if column.text:
        return escaped(text)
    if text == "inf":
        return r"$\infty$"
    mantissa, _, power = text.partition("e")
    try:
        float(text)
    except ValueError:
        return escaped(text)
    return f"${mantissa} \\times 10^{{{int(power)}}}$" if power else f"${text}$" if text.startswith("-") else text


def escaped(text: str) -> str:
    r"""Text that LaTeX sets as it is.

    >>> print(escaped("sgd_wsd & 5 %"))
    sgd\_wsd \& 5 \%
    """
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)


def frame(dataset: Any) -> Any:
    """The dataset as a pandas.DataFrame in long form."""
    made = dataset.to_dataframe().reset_index()
    return made.drop(columns=[name for name in made.columns if name in dataset.dims and name not in dataset.coords])


def csv(dataset: Any) -> str:
    """Comma-separated values, full precision."""
    return frame(dataset).to_csv(index=False, lineterminator="\n")


def as_json(dataset: Any) -> str:
    """{"view": ..., "about": {...}, "rows": [{...}]}, strict JSON."""
    about = {str(key): value for key, value in dataset.attrs.items() if key != "view"}
    rows = frame(dataset).to_dict(orient="records")
    return (
        json.dumps(
            strict({"view": dataset.attrs["view"], "about": about | {"note": note(dataset)}, "rows": rows}), indent=1, allow_nan=False
        )
        + "\n"
    )


def strict(value: Any) -> Any:
    """Plain data without what JSON lacks: null for NaN, "inf" and "-inf" for infinities."""
    if isinstance(value, dict):
        return {str(key): strict(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(one) for one in value]
    if isinstance(value, np.generic):
        return strict(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
