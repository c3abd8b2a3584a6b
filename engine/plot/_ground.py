"""A function of two numbers as the ground of a picture: filled contours, spaced by the logarithm of the height above the lowest value in sight."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ._theme import Theme


def colour_map(name: str) -> Any:
    """A colour map of Matplotlib's. Raises SpecError for a name that is none."""
    from matplotlib import colormaps

    if name not in colormaps:
        known = [one for one in colormaps if not one.endswith("_r")]
        raise SpecError(f"plot: there is no colour map '{name:.60}'{suggest(name, known)} (known: {', '.join(known)}; NAME_r is reversed)")
    return colormaps[name]


@dataclass(frozen=True)
class Above:
    """Heights above a bottom, and the range of them that is shown on a logarithmic scale."""

    above: np.ndarray
    floor: float
    top: float


def above_bottom(height: np.ndarray, bottom: float) -> Above | None:
    """Heights above `bottom`; None where all are equal. The floor leaves out the lowest hundredth, but shows a decade at least and six at most."""
    if not (np.isfinite(height).any() and np.nanmax(height) > np.nanmin(height)):
        return None
    above = height - bottom
    top = float(np.nanmax(above))
    return Above(above, min(max(float(np.nanquantile(above[above > 0], 0.01)), top * 1e-6), top / 10), top)


def shades(theme: Theme, cmap: str | None) -> Any:
    """The colours from low to high: a colour map of Matplotlib's; by default grey, on which the optimizers' colours stand out."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("ground", theme.ground) if cmap is None else colour_map(cmap)


def less(label: str, bottom: float) -> str:
    """What is shown of a value of which `bottom` is taken away."""
    return label if bottom == 0 else f"{label} {'-' if bottom > 0 else '+'} {abs(bottom):.3g}"


def filled(axes: Any, theme: Theme, x: Any, y: Any, height: Any, bottom: float, label: str, cmap: str | None = None) -> None:
    """The contours of heights (y, x), NaN where there are none, with a colour bar that says `label`; nothing where all heights are equal.

    Parameters
    ----------
    axes, theme
        Where, and in which colours.
    x, y, height
        The grid and the values on it.
    bottom
        What the logarithm is of heights above of: at most the lowest value.
    label
        What the values are, without `bottom`.
    cmap
        A colour map of Matplotlib's; by default grey, on which the optimizers' colours stand out.
    """
    found = above_bottom(height, bottom)
    if found is None:
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    above, floor, levels = found.above, found.floor, np.geomspace(found.floor, found.top * (1 + 1e-9), 22)
    shade = shades(theme, cmap)
    norm = LogNorm(levels[0], levels[-1])
    axes.contourf(x, y, np.maximum(above, floor), levels=levels, norm=norm, cmap=shade)
    axes.contour(x, y, np.maximum(above, floor), levels=levels[2::3], colors=theme.contour, linewidths=0.4, alpha=0.7)
    bar = axes.figure.colorbar(ScalarMappable(norm, shade), ax=axes, label=less(label, bottom), pad=0.02)
    bar.outline.set_edgecolor(theme.soft)
