"""thalweg merge."""

from typing import Annotated

import typer

from ._say import say, to_look_at
from ._terminal import interrupted


def merge(
    stores: Annotated[
        list[str], typer.Argument(metavar="STORE...", help="Stores of one study with different seeds, swept values or optimizers.")
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="PLACE", help="The new store.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing store.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Shards simulated at a time; default: one per core.")] = None,
) -> None:
    """Join stores of one study, and compute the runs that none of them has."""
    from ..runner.merge import merge as join

    try:
        join(stores, out, overwrite, threads)
    except KeyboardInterrupt:
        interrupted(out)
    say(f"stored {out}; next: {to_look_at(out)}")
