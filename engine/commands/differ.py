"""thalweg differ."""

from typing import Annotated

import typer


def differ(
    store: Annotated[str, typer.Argument(metavar="STORE")],
    first: Annotated[str, typer.Argument(metavar="GROUP")],
    second: Annotated[str, typer.Argument(metavar="GROUP")],
    rtol: Annotated[float, typer.Option(help="What counts as a difference, relative to a variable's largest value.")] = 1e-6,
) -> None:
    """Say at which step two groups of a store part: two optimizers, or two conventions of one."""
    from rich.console import Console

    from ..api import open_run
    from ..differ import differ as differ_runs
    from ..differ import table

    Console().print(table(differ_runs(open_run(store), first, second, rtol)))
    print(f"next: thalweg plot {store}, thalweg compare {store}")
