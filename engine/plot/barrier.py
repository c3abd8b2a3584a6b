"""Paths between runs: the loss along them, and the barrier against the step, or against the step at which runs were forked.

The data come from probes of kind path. Lines are medians over the pairs (and seeds) with the band from 25 to 75 %; thin lines are mean barriers.
`value` names the probes to draw, separated by commas; each has its own line style. Every optimizer is at the best point of its sweep.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.probe import STEP
from ..results.curves import Band, of_values
from ..results.swept import swept_field
from ._axes import draw_band, legend, new_figure, panels_of, plain, say, scale_steps, scale_values
from ._picture import Picture, short
from ._theme import STYLES

OPTIONS = ("value", "groups", "at")
PAIR = "pair"
"""The dimension of pairs."""
LINES = 4
"""Lines of one probe and group in the panel of paths."""


@dataclass(frozen=True)
class Paths:
    """One probe of one group at the best point of its sweep."""

    group: str
    name: str
    data: Any
    along: str
    """The dimension that paths are drawn for, and barriers over: fork steps, steps looked at, or pairs of steps."""
    best: str
    """Where on the sweep it is."""

    @property
    def places(self) -> np.ndarray:
        """Where the barriers stand."""
        if self.along == PAIR:
            return self.data["second"].values
        return self.data[self.along].values

    @property
    def barrier(self) -> Band:
        """(places), over everything else."""
        return of_values(self.data["barrier"].transpose(self.along, ...).values.reshape(len(self.places), -1))

    @property
    def mean(self) -> np.ndarray:
        """The mean barrier (places)."""
        values = self.data["barrier"].transpose(self.along, ...).values.reshape(len(self.places), -1)
        known = np.isfinite(values)
        return np.where(known, values, 0).sum(axis=-1) / np.where(known.any(axis=-1), known.sum(axis=-1), np.nan)

    def path(self, k: int) -> tuple[np.ndarray, Band]:
        """(alphas, the loss along the paths of place k)."""
        loss = self.data["loss"].isel({self.along: k}).transpose("point", ...)
        alpha = next(c for c in ("alpha_of_path", "alpha") if c in self.data.coords and self.data[c].dims == ("point",))
        return self.data[alpha].values, of_values(loss.values.reshape(loss.sizes["point"], -1))


def draw(picture: Picture) -> Any:
    """The loss along the paths, and beside it the barrier over the steps where there are several."""
    asked = [word.strip() for word in (picture.options.value or "").split(",") if word.strip()]
    shown = [paths(picture, group, name, data) for (group, name), data in picture.probes("path", asked).items()]
    stored, own = [one.name for one in shown], [probe.name for probe in picture.study.probes]
    names = list(dict.fromkeys([*(name for name in own if name in stored), *stored]))
    shown.sort(key=lambda one: (list(picture.all).index(one.group), names.index(one.name)))
    several = any(len(one.places) > 1 for one in shown)
    figure = new_figure(10.4 if several else 7, 4.8)
    panels = panels_of(figure, 1 + several, 1, 1 + several)
    lines = LINES if len(shown) == 1 else 1
    on_paths(panels[0], picture, shown, names, lines)
    if several:
        on_barriers(panels[1], picture, shown, names)
    notes = [
        f"median and 25-75 % of {' or '.join(sorted({count(one) for one in shown}))}" + "; thin: mean" * several,
        "; ".join(dict.fromkeys(place_note(one, lines) for one in shown)),
        "; ".join(dict.fromkeys(f"{one.group}: {one.best}" for one in shown if one.best)),
    ]
    legend(figure, entries(picture, shown, names), notes)
    return figure


def place_note(one: Paths, lines: int) -> str:
    """Which places the paths are of."""
    first, last = (short(one.places[k].item()) for k in (0, -1))
    what = {PAIR: "paths to step", STEP: "paths at step"}.get(one.along, "paths of runs forked at step")
    if one.along == PAIR and one.places.dtype.kind != "i":
        return ""
    return f"{what} {last}" if lines == 1 or len(one.places) == 1 else f"{what} {first} (faint) to {last}"


def fork_of(data: Any) -> str:
    """The dimension of the steps at which runs were forked; empty where there is none."""
    return next((str(dim) for dim in data["barrier"].dims if dim in data.coords and swept_field(data[dim])[0] == "branch"), "")


def paths(picture: Picture, group: str, name: str, data: Any) -> Paths:
    """A probe's arrays at the best point of the group's sweep, but for the steps of forks."""
    index = picture.problems()[0].bests()[group].index
    fork = fork_of(data)
    index = {dim: k for dim, k in index.items() if dim in data["barrier"].dims and dim != fork}
    best = ", ".join(f"{dim}={short(data[dim].values[k].item())}" for dim, k in index.items())
    data = data.isel(index)
    dims = data["barrier"].dims
    along = fork or (STEP if STEP in dims else PAIR)
    if fork and STEP in dims:
        data = data.isel({STEP: -1})
    return Paths(group, name, data, along, best)


def on_paths(axes: Any, picture: Picture, shown: list[Paths], names: list[str], lines: int) -> None:
    """The loss along the paths: of every probe and group so many places, the last the strongest."""
    drawn = []
    for one in shown:
        chosen = np.unique(np.linspace(len(one.places) - 1, 0, lines).round().astype(int))
        for k, strength in zip(chosen, np.linspace(0.35, 1.0, len(chosen)) if len(chosen) > 1 else [1.0], strict=True):
            alpha, band = one.path(int(k))
            band = band if k == chosen[-1] else Band(band.middle, what=band.what)
            drawn.append(draw_band(axes, alpha, band, picture.colour(one.group), STYLES[names.index(one.name) % len(STYLES)]))
            axes.lines[-1].set_alpha(float(strength))
    scale_values(axes, drawn)
    axes.set(xlabel="place on the path, from the first run (0) to the second (1)", ylabel="loss")
    axes.set_title("Loss along the paths")
    if not any(len(values) for values in drawn):
        say(axes, 0.5, "every run diverged")


def on_barriers(axes: Any, picture: Picture, shown: list[Paths], names: list[str]) -> None:
    """The barrier over the steps."""
    drawn = []
    for one in shown:
        style = STYLES[names.index(one.name) % len(STYLES)]
        drawn.append(draw_band(axes, one.places, one.barrier, picture.colour(one.group), style, marker="o"))
        axes.plot(one.places, one.mean, color=picture.colour(one.group), ls=style, lw=0.7, zorder=2.8)
    axes.grid(True)
    axes.set_axisbelow(True)
    axes.set_ylim(bottom=0)
    scale_steps(axes, picture)
    axes.set(xlabel=label(shown[0]), ylabel="barrier")
    axes.set_title("Barrier")


def label(one: Paths) -> str:
    """What the places are."""
    return {PAIR: "step of the second point", STEP: "step (optimizer updates)"}.get(one.along, "step of the fork")


def count(one: Paths) -> str:
    """Over what the medians are."""
    sizes = {dim: n for dim, n in one.data["barrier"].sizes.items() if dim != one.along}
    said = [f"{n:,} {dim!s}{'s' * (n != 1)}" for dim, n in sizes.items()]
    return " x ".join(said) or "1 path"


def entries(picture: Picture, shown: list[Paths], names: list[str]) -> list[Any]:
    """A line a group and probe."""
    from matplotlib.lines import Line2D

    many = len(names) > 1
    return [
        Line2D(
            [],
            [],
            color=picture.colour(one.group),
            ls=STYLES[names.index(one.name) % len(STYLES)],
            lw=2,
            label=plain(f"{one.group}: {one.name}" if many else one.group),
        )
        for one in shown
    ]
