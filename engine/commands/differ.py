"""thalweg differ."""

from typing import Annotated, Any

import typer

from ..text.tables import Column, Table, console
from ._say import say, to_look_at


def differ(
    store: Annotated[str, typer.Argument(metavar="STORE")],
    first: Annotated[str, typer.Argument(metavar="GROUP")],
    second: Annotated[str, typer.Argument(metavar="GROUP")],
    rtol: Annotated[float, typer.Option(help="The smallest difference that counts, relative to the variable's largest value.")] = 1e-6,
) -> None:
    """Find the first step at which two groups of a store differ, such as two optimizers or two conventions of one optimizer."""
    from ..api import open_run
    from ..comparison.first_difference import differ as differ_runs

    console().print(table(differ_runs(open_run(store), first, second, rtol)))
    say(f"next: {to_look_at(store)}")


def table(differences: Any) -> Table:
    """Where the groups part, a variable a row, as a table for the terminal."""
    steps = [int(step) for step in differences["step"].values]
    size, final = ([f"{float(v):.1e}" for v in differences[name].values] for name in ("size", "final"))
    columns = (
        Column("variable", [str(name) for name in differences["variable"].values], name=True),
        Column("first differs at step", ["never" if step < 0 else f"{step:,}" for step in steps]),
        Column("by", ["" if step < 0 else by for step, by in zip(steps, size, strict=True)]),
        Column("at the end by", final),
    )
    about = differences.attrs
    note = f"{about['first']} against {about['second']}, relative to the largest value; a difference is more than {about['rtol']:g}"
    return Table(columns, note=note)
