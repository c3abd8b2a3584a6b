"""The stages of a study as a tree: curves on one step axis, with forks leaving the trunk at their steps and one colour per stage.

The default for stores of stages. Lines are medians over the seeds, with the band from 25 to 75 % if a stage has few lines. The hyperparameters are
those at which the trunk is best. A stage that takes over only the parameters of another is drawn from the step at which it took them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.sweep import Sweep
from ..claims.evaluate import Results
from ..results.best import at_seeds
from ..results.groups import children_of, opened
from ..results.staged import Fork, forks, heads, leaves_anew, swept_besides
from ..store.staged import stages_in
from ._across import pictures_of
from ._axes import draw_band, legend, new_figure, scale_steps, scale_values, statistic, words
from ._picture import Options
from ._theme import STYLES, Theme
from ._values import lines

OPTIONS = ("value", "groups", "at")
BANDS = 2
"""Lines of one stage up to which bands are drawn."""


class StagedPicture:
    """A store of stages as its picture sees it."""

    def __init__(self, source: Any, theme: Theme, options: Options):
        tree = opened(source)
        self.study = stages_in(tree.attrs, source if isinstance(source, (str, Path)) else "plot")
        self.title = self.study.title or self.study.name
        self.theme, self.options = theme, options
        self.pictures = pictures_of(children_of(tree), theme, options)
        labels = list(dict.fromkeys(label for picture in self.pictures.values() for label in picture.all))
        self.labels = [label for label in labels if not options.groups or label in options.groups]


STAGED = StagedPicture
"""It draws stores of stages, and no others."""


def draw(picture: StagedPicture) -> Any:
    """One panel."""
    datasets = {name: one.groups for name, one in picture.pictures.items()}
    found, notes = forks(picture.study, datasets)
    drawn = with_values(picture, found)
    figure = new_figure(8.4, 5.4)
    axes, bands, shown = figure.subplots(), [], []
    colours = colours_of(picture, [fork.stage for fork, _, _ in drawn])
    count = {name: sum(fork.stage == name for fork, _, _ in drawn) for name in colours}
    for fork, steps, band in drawn:
        colour, style = colours[fork.stage], STYLES[picture.labels.index(fork.group) % len(STYLES)]
        known = np.isfinite(band.middle) & (steps >= fork.begins)
        if not known.any():
            continue
        whole = band if count[fork.stage] <= BANDS else type(band)(band.middle, what=band.what)
        part = type(band)(*(values[known] for values in whole.parts), what=band.what)
        bands.append(draw_band(axes, steps[known], part, colour, style))
        axes.lines[-1].set(linewidth=1.8 if count[fork.stage] <= BANDS else 1.1, label=f"{fork.stage} {fork.text}".strip())
        if fork.begins:
            axes.plot(*(part[known][:1] for part in (steps, band.middle)), marker="o", ms=4, color=colour, zorder=4)
        shown.append((whole, int(fork.reports.sum()) if band.what == "runs" else len(fork.reports)))
    scale_values(axes, bands)
    scale_steps(axes, next(iter(picture.pictures.values())))
    value = picture.options.value or "loss"
    said = statistic([one for one in shown if one[0].low is not None] or shown) if shown else "no run has begun"
    axes.set_ylabel(f"{words(value).removesuffix(' (loss)')}\n{said}")
    axes.set_title("Loss of the stages" if value == "loss" else f"{words(value)} of the stages")
    legend(figure, entries(picture, colours), [*told(picture, datasets), *notes])
    return figure


def with_values(picture: StagedPicture, found: list[Fork]) -> list[tuple[Fork, np.ndarray, Any]]:
    """(fork, its steps on the common axis, a band) of all that have what is drawn. Raises SpecError if none has."""
    made, problems = [], []
    for fork in found:
        one = picture.pictures[fork.stage]
        dataset = one.groups[fork.group]
        results = Results({fork.group: at_seeds(dataset, fork.reports)}, one.study)
        try:
            steps, band = lines(one, results, fork.group, fork.index)
        except SpecError as error:
            problems.append(str(error))
            continue
        made.append((fork, steps + fork.shift, band))
    if not made:
        raise SpecError(problems[0] if problems else "plot: no stage was begun")
    return made


def colours_of(picture: StagedPicture, names: list[str]) -> dict[str, str]:
    """Stage -> colour; repetitions of one share it."""
    shared = heads(picture.study)
    order = list(dict.fromkeys(shared[name] for name in names))
    return {name: picture.theme.colour(order.index(shared[name])) for name in dict.fromkeys(names)}


def entries(picture: StagedPicture, colours: Mapping[str, str]) -> list[Any]:
    """The legend: a line a stage, and where there are several optimizers a style each."""
    from matplotlib.lines import Line2D

    shared, made = heads(picture.study), []
    for head in dict.fromkeys(shared[name] for name in colours):
        own = [stage for stage in picture.study.stages if shared[stage.name] == head and stage.name in colours]
        name = own[0].name if len(own) == 1 else f"{own[0].name} to {own[-1].name}"
        seeds = own[0].study.noise_seed
        forked = f"; {len(seeds)} seeds of noise" if isinstance(seeds, Sweep) and own[0].origin else ""
        whence = own[0].whence if len(own) == 1 else own[0].whence and f"from {own[0].origin}, one from the other"
        made.append(Line2D([], [], color=colours[own[0].name], lw=2, label=f"{name}{f': {whence}{forked}' if whence else ''}"))
    if len(picture.labels) > 1:
        for k, label in enumerate(picture.labels):
            made.append(Line2D([], [], color=picture.theme.ink, ls=STYLES[k % len(STYLES)], lw=1.6, label=label))
    return made


def told(picture: StagedPicture, datasets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the picture has chosen, in words."""
    made = []
    if swept_besides(picture.study, datasets):
        made.append("swept fields at the first stage's best point, in all stages; --at FIELD=VALUE holds one at another")
    if any(leaves_anew(stage) for stage in picture.study.stages if stage.name in datasets):
        made.append("stages that begin anew with parameters of others are drawn from where they took them")
    return made
