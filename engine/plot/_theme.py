"""How pictures look: light and dark, with colours that colour-blind readers can tell apart.

The colours are Okabe and Ito's (jfly.uni-koeln.de/color), moved in lightness until each has a contrast of at least 3 to 1 against its
paper (WCAG 2.2, 1.4.11: graphical objects). Where there are more optimizers than colours, the line style tells them apart.
"""

from dataclasses import dataclass
from typing import Any

from ...specs.errors import SpecError, suggest

STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Theme:
    """Colours by what they are for."""

    paper: str
    ink: str
    soft: str
    """Of what is said beside the data: notes, minor text."""
    grid: str
    colours: tuple[str, ...]
    """One an optimizer."""
    ground: tuple[str, str]
    """The landscape's, from low to high: grey, so that the optimizers' colours stand out."""
    contour: str
    star: str
    theory: str
    lost: str
    """Cells of a map where the median run diverged."""

    def colour(self, k: int) -> str:
        """The k-th optimizer's."""
        return self.colours[k % len(self.colours)]

    def style(self, k: int) -> str:
        """The k-th optimizer's line style: another one each time the colours begin anew."""
        return STYLES[k // len(self.colours) % len(STYLES)]

    def settings(self) -> dict[Any, Any]:
        """Matplotlib's settings, for rc_context."""
        lines = dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color", "axes.labelcolor", "text.color", "hatch.color"), self.ink)
        paper = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor"), self.paper)
        return {
            **lines,
            **paper,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "figure.titlesize": 13,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.7,
            "grid.color": self.grid,
            "grid.linewidth": 0.6,
            "hatch.linewidth": 0.6,
            "svg.hashsalt": "thalweg",  # the same picture, the same bytes
        }


THEMES = {
    "light": Theme(
        paper="#ffffff",
        ink="#1b1f24",
        soft="#57606a",
        grid="#e4e7eb",
        colours=("#0072b2", "#d55e00", "#009e73", "#c0629a", "#7a4f00", "#3a96d0", "#000000"),
        ground=("#ffffff", "#8d99a6"),
        contour="#5d6770",
        star="#f0e442",
        theory="#d55e00",
        lost="#d0d7de",
    ),
    "dark": Theme(
        paper="#0f141a",
        ink="#e6edf3",
        soft="#9aa6b2",
        grid="#2a323c",
        colours=("#3d9be0", "#f0743e", "#1fb587", "#e08fc0", "#e8ae2c", "#9fd4ff", "#ffffff"),
        ground=("#0f141a", "#566372"),
        contour="#8b98a6",
        star="#f0e442",
        theory="#ff8a52",
        lost="#39424d",
    ),
}


def theme(name: str) -> Theme:
    """The theme of this name. Raises SpecError if there is none."""
    if name not in THEMES:
        raise SpecError(f"plot: there is no theme '{name}'{suggest(name, THEMES)} (known: {', '.join(THEMES)})")
    return THEMES[name]
