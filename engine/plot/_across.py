"""What pictures of several stores start from, or of one store with several landscapes: a picture of each, whose optimizers share their colours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from ...specs.errors import SpecError, suggest
from ..comparison.entries import LOSS, Entry, Measure, arranged, of_groups
from ..results.best import highest_is_best
from ..results.groups import named, opened, swept_coordinates
from ._picture import Options, Picture
from ._theme import Theme


class Across:
    """Stores side by side."""

    def __init__(self, sources: Sequence[Any], theme: Theme, options: Options):
        trees = [opened(source) for source in sources]
        first = trees[0].attrs
        self.theme, self.options = theme, options
        self.title = str(first.get("title", "")) if len(trees) == 1 else ""
        self.pictures = pictures_of(dict(named(tuple(trees))), theme, options)
        own = [picture.study.name for picture in self.pictures.values()]
        self.study = SimpleNamespace(name=str(first.get("name") or own[0]) if len(trees) == 1 else "comparison")
        self.title = self.title or ", ".join(own)
        self.all = list(dict.fromkeys(label for picture in self.pictures.values() for label in picture.all))
        self.labels = [label for label in self.all if not options.groups or label in options.groups]

    def colour(self, label: str) -> str:
        return self.theme.colour(self.all.index(label))

    def style(self, label: str) -> str:
        return self.theme.style(self.all.index(label))

    @property
    def measure(self) -> Measure:
        """What optimizers are compared by: the option `value`, a recorded variable, or the loss."""
        value = self.options.value or "loss"
        return Measure(value, value, highest_is_best(value)) if value != "loss" else LOSS

    def entries(self, measure: Measure = LOSS) -> list[Entry]:
        """Every optimizer that is drawn on every problem, at its best point, as `thalweg compare` has them."""
        return arranged([one for name, p in self.pictures.items() for one in of_groups(name, p.attributes, p.groups, measure)])


def pictures_of(trees: Mapping[str, Any], theme: Theme, options: Options) -> dict[str, Picture]:
    """A picture of each of these stores, with those of the chosen optimizers that it has, and the swept fields that it has at the values that they
    are held at. Raises SpecError for an optimizer, or a field, that none has."""
    whole = {name: Picture(tree, theme, replace(options, at=None, groups=None)) for name, tree in trees.items()}
    labels = list(dict.fromkeys(label for picture in whole.values() for label in picture.all))
    swept = {name: {key for dataset in picture.all.values() for key in swept_coordinates(dataset)} for name, picture in whole.items()}
    known = list(dict.fromkeys(key for own in swept.values() for key in sorted(own)))
    for name in options.groups or ():
        if name not in labels:
            raise SpecError(f"plot: there is no group '{name}'{suggest(name, labels)} (known: {', '.join(labels)})")
    for name in options.at or {}:
        if name not in known:
            raise SpecError(f"plot: at {name}: is not swept{suggest(name, known)} (swept: {', '.join(known) or 'nothing'})")
    made = {}
    for name, picture in whole.items():
        groups = tuple(label for label in picture.all if not options.groups or label in options.groups)
        at = {key: value for key, value in (options.at or {}).items() if key in swept[name]}
        made[name] = Picture(picture.tree, theme, replace(options, at=at or None, groups=groups or None))
        made[name].labels = labels
        if not groups:
            made[name].groups = {}
    return made
