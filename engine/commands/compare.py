"""thalweg compare."""

from pathlib import Path
from typing import Annotated

import typer

VIEWS = "final, targets, ecdf, performance, data, sensitivity, pairs or ranks."
FURTHER = {"final": "pairs", "pairs": "ranks", "targets": "ecdf"}
"""What to look at after a view."""


def compare(
    stores: Annotated[list[str], typer.Argument(metavar="STORE...", help="One or more stores.")],
    view: Annotated[str, typer.Option("--view", "-v", help=VIEWS)] = "",
    target: Annotated[list[float] | None, typer.Option(metavar="LOSS", help="A loss to reach, for the view targets; repeatable.")] = None,
    format: Annotated[str, typer.Option("--format", "-f", help="table, csv, latex or json.")] = "table",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write there, not to the terminal.")] = None,
) -> None:
    """Compare the optimizers of one or more stores, each at hyperparameters chosen on other seeds than those that report."""
    from rich.console import Console

    from ...specs.errors import SpecError, suggest
    from ..api import open_run
    from ..comparison import compare as compare_runs
    from ..comparison import save, table
    from ..comparison.render import FORMATS

    if format not in FORMATS:
        raise SpecError(f"--format {format}: there is no such format{suggest(format, FORMATS)} (known: {', '.join(FORMATS)})")
    made = compare_runs(*(open_run(store) for store in stores), view=view or ("targets" if target else "final"), target=target)
    if format == "table" and out is None:
        console = Console()
        console.print(table(made, narrow=console.width < 100))
        shown, names = view or ("targets" if target else "final"), " ".join(stores)
        more = f"thalweg compare {names} --view {FURTHER[shown]}, " if shown in FURTHER else ""
        print(f"next: {more}thalweg report {stores[0]}")
        return
    text = save(made, format, out)
    print(f"wrote {out}" if out else text, end="\n" if out else "")
