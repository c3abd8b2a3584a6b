"""thalweg compare."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from ._say import command, say, to_look_at


def compare(
    stores: Annotated[list[str], typer.Argument(metavar="STORE...", help="One or more stores.")],
    view: Annotated[
        str, typer.Option("--view", "-v", help="final (the default), targets, ecdf, performance, data, ...: thalweg list views.")
    ] = "",
    target: Annotated[list[float] | None, typer.Option(metavar="LOSS", help="A loss to reach, for the view targets; repeatable.")] = None,
    field: Annotated[
        str, typer.Option(metavar="NAME", help="A swept hyperparameter, for the views sensitivity and fit; lr if not given.")
    ] = "",
    value: Annotated[str, typer.Option(metavar="NAME", help="Compare by another recorded variable than the loss.")] = "loss",
    best: Annotated[str, typer.Option(metavar="min|max", help="Which is better; max for names that end in accuracy, else min.")] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help="Choose hyperparameters by this variable; by default --value.")] = "",
    format: Annotated[str, typer.Option("--format", "-f", help="table, csv, latex or json.")] = "table",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write there, not to the terminal.")] = None,
) -> None:
    """Compare the optimizers of one or more stores, each at hyperparameters chosen on other seeds than those that report."""
    from ...specs.errors import SpecError, suggest
    from ..api import open_run
    from ..comparison import compare as compare_runs
    from ..comparison import save, table
    from ..comparison.render import FORMATS
    from ..text.tables import console

    if format not in FORMATS:
        raise SpecError(f"--format {format}: there is no such format{suggest(format, FORMATS)} (known: {', '.join(FORMATS)})")
    trees = [open_run(store) for store in stores]
    made = compare_runs(*trees, view=view or ("targets" if target else "final"), target=target, field=field, value=value, best=best, by=by)
    if format == "table" and out is None:
        console().print(table(made))
        further = further_view(made) if len({json.loads(tree.attrs.get("study", "{}")).get("root_seed") for tree in trees}) == 1 else ""
        same = [
            word
            for option, given in (("--value", value), ("--best", best), ("--by", by))
            if given not in ("", "loss")
            for word in (option, given)
        ]
        more = command("compare", *stores, "--view", further, *same) if further else ""
        say(f"next: {', '.join(text for text in (more, to_look_at(stores[0], 'compare')) if text)}")
        return
    text = save(made, format, out)
    if out:
        say(f"wrote {out}")
    else:
        print(text, end="")


def further_view(made: Any) -> str:
    """What to look at after a view, of stores that share their random numbers, where their runs are enough for that; '' where they are not."""
    view = made.attrs["view"]
    if view == "final":
        return "pairs" if max(Counter(made["problem"].values.tolist()).values()) > 1 and made["seeds"].values.min() > 0 else ""
    if view == "pairs":
        names = {*made["first"].values.tolist(), *made["second"].values.tolist()}
        return "ranks" if len({*made["problem"].values.tolist()}) == 1 and len(names) > 2 and made["seeds"].values.min() > 1 else ""
    return "ecdf" if view == "targets" and "gap" in made.dims else ""
