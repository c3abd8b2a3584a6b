"""thalweg differ."""

from typing import Annotated

import typer

from .say import say, to_look_at


def differ(
    store: Annotated[str, typer.Argument(metavar="STORE")],
    first: Annotated[str, typer.Argument(metavar="GROUP")],
    second: Annotated[str, typer.Argument(metavar="GROUP")],
    rtol: Annotated[float, typer.Option(help="What counts as a difference, relative to a variable's largest value.")] = 1e-6,
) -> None:
    """Say at which step two groups of a store part: two optimizers, or two conventions of one."""
    from ..api import open_run
    from ..comparison.first_difference import differ as differ_runs
    from ..comparison.first_difference import table
    from ..text.tables import console

    console().print(table(differ_runs(open_run(store), first, second, rtol)))
    say(f"next: {to_look_at(store)}")
