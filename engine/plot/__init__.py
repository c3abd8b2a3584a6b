"""Pictures of a store, one kind a file: the folder is the registry, and a file that begins with _ is no kind.

A kind is a module with `draw(picture)`, which returns a Matplotlib figure, and OPTIONS, the names of the options it takes (_picture.py
has them all). One that can draw its one panel into given axes has `into(axes, picture)`. A kind of animations has `film(picture, target)`, in its place or beside it, and states its FORMATS. One that draws stores of stages states
STAGED, and one that draws several stores, or several landscapes, ACROSS, the class of what it starts from; all others draw one store. Other packages plug in through the entry points thalweg.plot. Matplotlib's pyplot is never imported, and its settings are as they were before.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...specs.errors import SpecError, suggest
from ...specs.registry import Modules
from ..text.whole_file import whole

__all__ = ["FORMATS", "default_suffix", "kinds", "plot"]

FORMATS = ("png", "svg", "pdf")
"""Of pictures that stand still."""


PICTURES = Modules("engine.plot", "kind of picture")


def kinds() -> dict[str, str]:
    """Every kind with the first sentence of its module."""
    return PICTURES.summaries()


def plot(
    source: Any,
    kind: str = "auto",
    out: "str | Path | None" = None,
    *,
    theme: str = "light",
    value: str | None = None,
    x: str | None = None,
    y: str | None = None,
    line: str | None = None,
    seeds: int | None = None,
    target: float | None = None,
    groups: Sequence[str] | None = None,
    at: Mapping[str, float] | None = None,
    cmap: str | None = None,
    fps: float | None = None,
    size: int | None = None,
    ax: Any = None,
) -> Any:
    """Draw a store, or several, into a file, or into axes of a figure of your own. A notebook shows the picture.

    Parameters
    ----------
    source : path, opened store, or a list of these
        What is drawn.
    kind : text
        A file of this folder; auto is problems for several stores or landscapes, stages for a store of stages, else animate for .gif and .mp4, else
        overview.
    out : path, optional
        The picture, by default NAME.png here; the suffix says how it is written: png, svg, pdf, and gif and mp4 for animations.
    theme : "light" or "dark"
        Colours of the picture; in axes of your own, of what is drawn in them.
    value : text, optional
        What is drawn, a variable or an expression of the claims' language, by default the loss.
    x, y : text, optional
        Swept fields, or expressions of one.
    line : text, optional
        A theory line: where this expression of the swept fields is 0, or its sides are equal.
    seeds : int, optional
        Single runs that are drawn.
    target : float, optional
        The loss that counts as converged.
    groups : list of text, optional
        Which optimizers, by label; by default all.
    at : mapping, optional
        Swept fields held at one of their values.
    cmap : text, optional
        A colour map of Matplotlib's, for maps and for the ground of landscapes and planes.
    fps : float, optional
        Frames a second of an animation, by default 15.
    size : int, optional
        Pixels across of an animation, by default 640 of a gif and 1280 of an mp4.
    ax : matplotlib.axes.Axes, optional
        Draw one panel there, and write no file: for the kinds that have one (landscape, loss, ranks, sweep).

    Returns
    -------
    The path, or `ax` where that was given.

    Raises
    ------
    SpecError
        The kind or suffix is unknown, the kind does not take an option, or the store does not hold what is to be drawn.
    StoreError
        The store cannot be read, or the picture not written.
    """
    from ._drawn import Drawn
    from ._picture import Options
    from ._theme import theme as named

    options = Options(value, x, y, line, seeds, target, tuple(groups) if groups else None, dict(at) if at else None, cmap, fps, size)
    target_ = Path(out) if out is not None else None
    sources = list(source) if isinstance(source, (list, tuple)) else [source]
    if not sources:
        raise SpecError("plot: give at least one store")
    parts = [_parts(one) for one in sources]
    if kind == "auto" and (len(sources) > 1 or parts[0][0] == "landscape"):
        kind = "problems"
    elif kind == "auto" and parts[0][1]:
        kind = "stages"
    chosen = _kind(kind, target_)
    for name in options.given():
        if name not in chosen.OPTIONS:
            kind = chosen.__name__.rpartition(".")[2]
            raise SpecError(f"plot: {kind} takes no {name}{suggest(name, chosen.OPTIONS)} (it takes: {', '.join(chosen.OPTIONS)})")
    if seeds is not None and seeds < 1:
        raise SpecError(f"plot: seeds {seeds}: at least 1")
    if fps is not None and not 1 <= fps <= 60:
        raise SpecError(f"plot: fps {fps:g}: from 1 to 60")
    if size is not None and not 100 <= size <= 4000:
        raise SpecError(f"plot: size {size}: from 100 to 4,000 pixels")
    _fitting(chosen, sources, parts)
    if ax is not None:
        if out is not None:
            raise SpecError("plot: give `out` or `ax`, not both")
        if not hasattr(chosen, "into"):
            able = [name for name in PICTURES.kinds() if hasattr(PICTURES.load(name), "into")]
            raise SpecError(f"plot: {kind} has no single panel for an ax (those that have: {', '.join(able)})")
        chosen.into(ax, prepared(chosen, sources, named(theme), options))
        return ax
    picture = prepared(chosen, sources, named(theme), options)
    target_ = target_ or Path(f"{picture.study.name}.{getattr(chosen, 'FORMATS', FORMATS)[0]}")

    import matplotlib as mpl

    with mpl.rc_context(picture.theme.settings()):
        if hasattr(chosen, "film") and target_.suffix.lower().lstrip(".") not in FORMATS:
            chosen.film(picture, target_)
        else:
            _save(chosen.draw(picture), picture, target_)
    return Drawn(target_)


def prepared(chosen: Any, sources: Sequence[Any], theme: Any, options: Any) -> Any:
    """What this kind of picture draws: these stores with the options."""
    from ._picture import Picture

    if hasattr(chosen, "ACROSS"):
        return chosen.ACROSS(sources, theme, options)
    return getattr(chosen, "STAGED", Picture)(sources[0], theme, options)


def default_suffix(kind: str) -> str:
    """The first format of a kind, with a dot; .png for what is no kind."""
    formats = getattr(PICTURES.load(kind), "FORMATS", FORMATS) if kind in PICTURES.kinds() else FORMATS
    return f".{formats[0]}"


def _parts(source: Any) -> tuple[str, list[str]]:
    """What the parts of a store are, stage or landscape, and their names; none if it has none. Raises StoreError if it is no store."""
    from ..store.open import open_root

    attributes = open_root(source).attrs if isinstance(source, (str, Path)) else source.attrs
    return str(attributes.get("part", "stage")), [str(one["name"]) for one in json.loads(str(attributes.get("stages", "[]")))]


def _fitting(chosen: Any, sources: Sequence[Any], parts: Sequence[tuple[str, list[str]]]) -> None:
    """Raises SpecError where a kind draws one stage and the store has several, or the other way round."""
    kind, (part, names) = chosen.__name__.rpartition(".")[2], parts[0]
    if hasattr(chosen, "ACROSS"):
        return
    several = [name for name in PICTURES.kinds() if hasattr(PICTURES.load(name), "ACROSS")]
    if len(sources) > 1:
        raise SpecError(f"plot: {kind} draws one store, and {len(sources)} are given; {', '.join(several)} draw several")
    if hasattr(chosen, "STAGED"):
        if not names or part == "landscape":
            other = "has several landscapes; choose problems" if names else "has no stages; choose loss"
            raise SpecError(f"plot: {kind} draws a study of stages, and this store {other}")
    elif names:
        store = str(sources[0]).rstrip("/") if isinstance(sources[0], (str, Path)) else "STORE"
        others = "stages" if part == "stage" else ", ".join(several)
        raise SpecError(
            f"plot: {kind} draws one {part}, and the store has several; name one: {', '.join(f'{store}/{name}' for name in names)}, "
            f"or draw all with {others}"
        )


def _kind(kind: str, out: Path | None) -> Any:
    """The module that draws this kind into this file. Raises SpecError for a kind or a suffix that is none."""
    suffix = out.suffix.lower().lstrip(".") if out is not None else None
    films = PICTURES.load("animate").FORMATS
    if kind == "auto":
        kind = "animate" if suffix in films else "overview"
    try:
        if kind not in PICTURES.kinds():
            known = ["auto", *PICTURES.kinds()]
            raise LookupError(f"there is no kind '{kind}'{suggest(kind, known)} (known: {', '.join(known)})")
        module = PICTURES.load(kind)
    except (LookupError, ImportError) as error:
        raise SpecError(f"plot: {error.args[0]}") from None
    formats = getattr(module, "FORMATS", FORMATS)
    if suffix is not None and suffix not in formats:
        ends = ", ".join(f".{f}" for f in formats)
        raise SpecError(f"{out}: unknown picture format '{Path(str(out)).suffix}'; end the name of {kind} in {ends}")
    return module


def _save(figure: Any, picture: Any, target: Path) -> None:
    """Write a figure. Raises StoreError if that fails."""
    from ._axes import plain

    figure.suptitle(plain(picture.title), x=0.01, ha="left")
    suffix = target.suffix.lower().lstrip(".")
    with whole(target) as part:
        figure.savefig(part, format=suffix, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
