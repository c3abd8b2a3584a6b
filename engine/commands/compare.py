"""thalweg compare."""

from typing import Annotated

import typer


def compare(stores: Annotated[list[str], typer.Argument(metavar="STORE...", help="One or more stores.")]) -> None:
    """Compare the optimizers of one or more stores by their final loss, each at its best hyperparameters."""
    from rich.console import Console

    from ..api import open_run
    from ..compare import compare as compare_runs
    from ..compare import table

    made = compare_runs(*(open_run(store) for store in stores))
    Console().print(table(made))
