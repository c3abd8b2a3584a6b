"""thalweg compare."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from ._options import Settings
from ._say import command, say, to_look_at

PICTURES = ("png", "svg", "pdf")
"""Suffixes of --out that make a picture."""


def compare(
    stores: Annotated[
        list[str],
        typer.Argument(metavar="STORE...", help="One or more stores, or studies, which are first run or finished in NAME.zarr."),
    ],
    settings: Settings = None,
    view: Annotated[str, typer.Option("--view", "-v", help="final (the default), targets, ecdf, ...; thalweg list views shows all.")] = "",
    target: Annotated[list[float] | None, typer.Option(metavar="LOSS", help="A loss to reach, for the view targets; repeatable.")] = None,
    field: Annotated[
        str, typer.Option(metavar="NAME", help="A swept hyperparameter, for the views sensitivity and fit; default: lr.")
    ] = "",
    value: Annotated[str, typer.Option(metavar="NAME", help="The recorded variable to compare.")] = "loss",
    best: Annotated[
        str, typer.Option(metavar="min|max", help="The better direction; default: max for names that end in accuracy, else min.")
    ] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help="Choose hyperparameters by this variable; default: that of --value.")] = "",
    format: Annotated[str, typer.Option("--format", "-f", help="table, csv, latex or json.")] = "table",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write to a file, not to the terminal; .png, .svg or .pdf for a picture."),
    ] = None,
) -> None:
    """Compare the optimizers of one or more stores at their best hyperparameters, chosen on half of the seeds and reported on the rest."""
    from ...specs.errors import SpecError, suggest
    from ..api import open_run
    from ..comparison import compare as compare_runs
    from ..comparison import save, table
    from ..comparison.render import FORMATS
    from ..text.tables import console

    if format not in FORMATS:
        raise SpecError(f"--format {format}: there is no such format{suggest(format, FORMATS)} (known: {', '.join(FORMATS)})")
    drawn = out is not None and out.suffix.lower().lstrip(".") in PICTURES
    view = view or ("targets" if target else "final")
    kind = kind_of_picture(view, {"--format": format != "table", "--best": best, "--by": by, "--field": field}) if drawn else ""
    if settings and not any(map(is_study, stores)):
        raise SpecError("compare: --set changes studies that are run first, and only stores are given")
    stores = [stored(store, settings) for store in stores]
    trees = [open_run(store) for store in stores]
    made = compare_runs(*trees, view=view, target=target, field=field, value=value, best=best, by=by)
    if format == "table" and (out is None or drawn):
        console().print(table(made))
        further = further_view(made) if len({json.loads(tree.attrs.get("study", "{}")).get("root_seed") for tree in trees}) == 1 else ""
        same = [
            word
            for option, given in (("--value", value), ("--best", best), ("--by", by))
            if given not in ("", "loss")
            for word in (option, given)
        ]
        more = command("compare", *stores, "--view", further, *same) if further else ""
        if drawn:
            from ..plot import plot

            say(f"drew {plot(trees, kind, out, value=None if value == 'loss' else value)}")
        say(f"next: {', '.join(text for text in (more, to_look_at(stores, 'compare')) if text)}")
        return
    text = save(made, format, out)
    if out:
        say(f"wrote {out}")
    else:
        print(text, end="")


def stored(given: str, settings: list[str] | None) -> str:
    """The store at this path; a study is run first, into NAME.zarr here, and one that was begun there is finished."""
    from ..store.lock import is_store

    if is_store(given) or not is_study(given):
        return given
    from ...specs.load import load
    from ..api import run

    study = load(given, settings or ())
    target = f"{study.name}.zarr"
    run(study, target, resume=True, progress=True)
    return target


def is_study(given: str) -> bool:
    """Whether this is the name of a bundled study, or of a YAML file."""
    from ...specs.load import gallery

    return Path(given).suffix in (".yaml", ".yml") or given in gallery()


def kind_of_picture(view: str, given: dict[str, Any]) -> str:
    """The kind of picture that shows a view. Raises SpecError if there is none, or for an option that a picture does not take."""
    from ...specs.errors import SpecError
    from ..comparison import VIEWS

    if view not in VIEWS.kinds():
        return ""  # which compare refuses
    kinds = {name: made.PICTURE for name in VIEWS.own_kinds() if hasattr(made := VIEWS.load(name), "PICTURE")}
    if view not in kinds:
        raise SpecError(
            f"compare: there is no picture of the view {view} (there are pictures of {', '.join(kinds)}); "
            "for a file of its numbers use --format csv, json or latex"
        )
    for name, value in given.items():
        if value:
            raise SpecError(f"compare: {name} is for tables; leave it out for a picture")
    return kinds[view]


def further_view(made: Any) -> str:
    """What to look at after a view, of stores that share their random numbers, where their runs are enough for that; '' where they are not."""
    view = made.attrs["view"]
    if view == "final" and min(found := Counter(made["problem"].values.tolist()).values()) > 1 < len(found):
        return "problems"
    if view == "problems":
        return "ranks" if made.sizes["problem"] > 1 and made.sizes["optimizer"] > 2 and made.attrs["ranked"] > 1 else ""
    if view == "final":
        return "pairs" if max(Counter(made["problem"].values.tolist()).values()) > 1 and made["seeds"].values.min() > 0 else ""
    if view == "pairs":
        names = {*made["first"].values.tolist(), *made["second"].values.tolist()}
        return "ranks" if len({*made["problem"].values.tolist()}) == 1 and len(names) > 2 and made["seeds"].values.min() > 1 else ""
    return "ecdf" if view == "targets" and "gap" in made.dims else ""
