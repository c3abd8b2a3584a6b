"""A function of two numbers as the ground of a picture: filled contours, spaced by the logarithm of the height above the lowest value in sight."""

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
    if not (np.isfinite(height).any() and np.nanmax(height) > np.nanmin(height)):
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    above = height - bottom
    top = float(np.nanmax(above))
    floor = min(max(float(np.nanquantile(above[above > 0], 0.01)), top * 1e-6), top / 10)
    levels = np.geomspace(floor, top * (1 + 1e-9), 22)
    shades: Any = LinearSegmentedColormap.from_list("ground", theme.ground) if cmap is None else colour_map(cmap)
    norm = LogNorm(levels[0], levels[-1])
    axes.contourf(x, y, np.maximum(above, floor), levels=levels, norm=norm, cmap=shades)
    axes.contour(x, y, np.maximum(above, floor), levels=levels[2::3], colors=theme.contour, linewidths=0.4, alpha=0.7)
    shown = label if bottom == 0 else f"{label} {'-' if bottom > 0 else '+'} {abs(bottom):.3g}"
    bar = axes.figure.colorbar(ScalarMappable(norm, shades), ax=axes, label=shown, pad=0.02)
    bar.outline.set_edgecolor(theme.soft)
