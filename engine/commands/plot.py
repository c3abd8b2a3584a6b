"""thalweg plot."""

import pkgutil
from pathlib import Path
from typing import Annotated

import typer

from ._say import say, to_look_at

KINDS = ", ".join(found.name for found in pkgutil.iter_modules([str(Path(__file__).parents[1] / "plot")]) if found.name[0] != "_")


def plot(
    stores: Annotated[
        list[str],
        typer.Argument(
            metavar="STORE... [KIND]",
            help=f"One or more stores, and the kind: {KINDS}; default: overview, stages for a store of stages, problems for several landscapes "
            "or stores.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="PATH", help=".png, .svg, .pdf; animated: .gif, .mp4. Default: STORE.png.")
    ] = None,
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    value: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION", help="What to draw: an expression as in claims, final_loss, converged or diverged; default: the loss."
        ),
    ] = None,
    x: Annotated[
        str | None, typer.Option("--x", metavar="FIELD", help="The swept field along the x axis, or an expression of one.")
    ] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="FIELD", help="The same for the y axis of a phase diagram.")] = None,
    line: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION", help="A theoretical line in a phase diagram: 'lr*sharpness == 2', or an expression that is 0 on it."
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Draw N single runs per optimizer.")] = None,
    target: Annotated[float | None, typer.Option(metavar="LOSS", help="The loss that counts as converged.")] = None,
    group: Annotated[list[str] | None, typer.Option(metavar="LABEL", help="Draw only this optimizer; repeatable.")] = None,
    cmap: Annotated[str | None, typer.Option(metavar="NAME", help="A colour map of Matplotlib, for maps and contours.")] = None,
    fps: Annotated[float | None, typer.Option(metavar="N", help="Frames per second of an animation; default: 15.")] = None,
    size: Annotated[int | None, typer.Option(metavar="PIXELS", help="Width of an animation; default: 640, for .mp4 1280.")] = None,
    at: Annotated[list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Fix a swept field at one value; repeatable.")] = None,
) -> None:
    """Draw a store: trajectories, loss curves with bands, phase diagrams, sweeps, profiles, spectra, animations."""
    from ..plot import default_suffix
    from ..plot import plot as draw

    stores, kind = stores_and_kind(stores)
    store = stores[0]
    target_ = out or store.rstrip("/").removesuffix(".zarr") + default_suffix(kind)
    options = {"value": value, "x": x, "y": y, "line": line, "seeds": seeds, "target": target, "groups": group, "at": _held(at)}
    options |= {"cmap": cmap, "fps": fps, "size": size}
    drawn = draw(stores if len(stores) > 1 else store, kind, target_, theme=theme, **options)  # type: ignore[arg-type]
    say(f"drew {drawn}; next: {to_look_at(stores, 'plot')}")


def stores_and_kind(given: list[str]) -> tuple[list[str], str]:
    """The stores, and the kind of picture: the last word, if there are several and it is a word that is no store."""
    from ..store.lock import is_store

    *stores, last = given
    kind = stores and not is_store(last) and not any(sign in last for sign in "/\\:") and not last.endswith(".zarr")
    return (stores, last) if kind else (given, "auto")


def _held(given: list[str] | None) -> dict[str, float] | None:
    """FIELD=VALUE, as a dictionary. Raises SpecError for anything else."""
    from ...specs.errors import SpecError

    made = {}
    for text in given or ():
        field, _, value = text.partition("=")
        try:
            made[field.strip()] = float(value)
        except ValueError:
            raise SpecError(f"--at {text}: write FIELD=VALUE, with a number") from None
    return made or None
