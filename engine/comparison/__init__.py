"""Which optimizer did best, where, how fast, and how sure that is: one view, one table. See docs/compare.md for every number."""

from ..results.best import Best, best_point
from ..results.groups import final_loss, groups, opened, sweep_dims, swept_coordinates
from ..results.quantiles import quantile
from .compare import compare
from .render import save, table
from .views import VIEWS

__all__ = [
    "VIEWS",
    "Best",
    "best_point",
    "compare",
    "final_loss",
    "groups",
    "opened",
    "quantile",
    "save",
    "sweep_dims",
    "swept_coordinates",
    "table",
]
