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
from ...specs.text import printable
from ..text.escape import for_csv, for_latex
from ..text.tables import Column, Table, console
from ..text.whole_file import write_whole
from .views import VIEWS

FORMATS = ("table", "csv", "latex", "json")
PLAIN = 160
"""Characters of a line in a file."""


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


def columns(dataset: Any) -> list[Column]:
    """The columns of a view."""
    return VIEWS.load(dataset.attrs["view"]).columns(dataset)


def note(dataset: Any) -> str:
    """What has to be said below the table."""
    return "\n".join(line for line in VIEWS.load(dataset.attrs["view"]).note(dataset) if line)


def table(dataset: Any) -> Table:
    """The view for rich: a table, four significant digits, and the note below it; where it is too wide, columns are left out and named."""
    return Table(columns(dataset), note=note(dataset), otherwise="a wider terminal shows them, --format csv has every number")


def plain(dataset: Any) -> str:
    """The table as text."""
    import io

    file = io.StringIO()
    console(file=file, width=PLAIN).print(table(dataset))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def latex(dataset: Any) -> str:
    r"""A LaTeX tabular with the rules of booktabs (\usepackage{booktabs}), the note as a comment above it."""
    shown = columns(dataset)
    lines = [f"% {printable(line)}" for line in note(dataset).split("\n")]
    lines += [rf"\begin{{tabular}}{{{''.join('l' if column.text or column.name else 'r' for column in shown)}}}", r"\toprule"]
    lines += [" & ".join(for_latex(column.title) for column in shown) + r" \\", r"\midrule"]
    lines += [" & ".join(cell(column, k) for column in shown) + r" \\" for k in range(len(shown[0].cells))]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def cell(column: Column, k: int) -> str:
    """A cell in LaTeX: numbers with a true minus sign and power of ten, infinity as its symbol."""
    text = column.cells[k]
    if column.text or column.name:
        return for_latex(text)
    if text == "inf":
        return r"$\infty$"
    mantissa, _, power = text.partition("e")
    try:
        float(text)
    except ValueError:
        return for_latex(text)
    return f"${mantissa} \\times 10^{{{int(power)}}}$" if power else f"${text}$" if text.startswith("-") else text


def frame(dataset: Any) -> Any:
    """The dataset as a pandas.DataFrame in long form."""
    made = dataset.to_dataframe().reset_index()
    return made.drop(columns=[name for name in made.columns if name in dataset.dims and name not in dataset.coords])


def csv(dataset: Any) -> str:
    """Comma-separated values, full precision; no text that a spreadsheet would take for a formula."""
    made = frame(dataset)
    for name in made.columns:
        if made[name].dtype.kind not in "iufb":
            made[name] = [for_csv(value) for value in made[name]]
    return made.to_csv(index=False, lineterminator="\n")


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
