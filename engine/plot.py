"""Pictures of a store: the landscape with trajectories, loss against step, final loss against a swept field.

Every optimizer is shown at the best point of its sweep (see compare). Matplotlib's global state is not touched.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..specs.errors import SpecError, StoreError, suggest
from ..specs.landscapes.base import Landscape
from ..specs.study import Study
from .compare import Best, best_point, final_loss, groups, opened, quantile, sweep_dims, swept_coordinates
from .store import block_variable

__all__ = ["FORMATS", "KINDS", "plot"]

KINDS = ("auto", "overview", "landscape", "loss", "sweep")
FORMATS = ("png", "svg", "pdf")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours that can be told apart by colour-blind readers, without yellow, which is lost on white."""
STYLES = ("-", "--", ":", "-.")
TRAJECTORIES = 3
"""Seeds whose trajectories are drawn, an optimizer; one of each where there are more than three optimizers."""
GRID = 300
MAX_VALUES = 50_000_000
"""Losses held in memory at a time; of more, every k-th stored step is drawn."""


def plot(source: Any, kind: str = "auto", out: "str | Path | None" = None) -> Path:
    """Draw a store (a path or an opened one) into `out`, by default NAME.png here; the suffix (png, svg, pdf) says how. Returns the path.

    overview (auto): landscape and loss side by side, the loss alone if the landscape is not two-dimensional.
    landscape: contours of the noiseless loss, minima as stars, and the trajectories of the first seeds.
    loss: median over the seeds against the step, with the band from 25 to 75 %. sweep: the same of the final loss against a swept field.

    Raises SpecError for an unknown kind or suffix, or what the store does not hold; StoreError if it cannot be read or written.
    """
    if kind not in KINDS:
        raise SpecError(f"plot: there is no kind '{kind}'{suggest(kind, KINDS)} (known: {', '.join(KINDS)})")
    if out is not None and Path(out).suffix.lower().lstrip(".") not in FORMATS:
        raise SpecError(f"{out}: unknown picture format '{Path(out).suffix}'; end the name in {', '.join('.' + f for f in FORMATS)}")
    from matplotlib.figure import Figure

    tree = opened(source)
    if "study" not in tree.attrs:
        raise StoreError("plot: no study in the store's attributes: this is not a store of thalweg's")
    study = Study.model_validate(json.loads(tree.attrs["study"]))
    found = groups(tree)
    bests = {name: best_point(dataset, name) for name, dataset in found.items()}
    target = Path(out) if out is not None else Path(f"{study.name}.png")

    ground = problem = None
    if kind not in ("loss", "sweep"):
        ground, problem = _ground(study, found, bests)
        if kind == "landscape" and problem:
            raise SpecError(problem)
    both = kind in ("auto", "overview") and problem is None
    figure = Figure(figsize=(12, 5.4) if both else (7, 5.4), layout="constrained")
    panels = list(figure.subplots(1, 2 if both else 1, squeeze=False)[0])
    if problem is None and kind not in ("loss", "sweep"):
        draw_landscape(panels.pop(0), study, found, bests, ground)
    if panels and kind == "sweep":
        draw_sweep(panels[0], study, found, bests)
    elif panels:
        draw_loss(panels[0], study, found, bests)
    if both:
        figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    _legend(figure, bests, points=kind != "sweep")
    figure.suptitle(_plain(tree.attrs.get("title") or study.name))
    suffix = target.suffix.lower().lstrip(".")
    try:
        figure.savefig(target, format=suffix, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def draw_loss(axes: Any, study: Study, found: dict[str, Any], bests: dict[str, Best]) -> None:
    """Loss against step at each optimizer's best point: the median over the seeds and the band from 25 to 75 %."""
    from matplotlib.ticker import MaxNLocator

    drawn, bands = [], []
    for k, (name, dataset) in enumerate(found.items()):
        loss = loss_by_seed(dataset, name).isel(bests[name].index)
        if loss.size > MAX_VALUES:
            loss = loss.isel(step=np.arange(loss.sizes["step"] - 1, -1, -(loss.size // MAX_VALUES + 1))[::-1])
        loss = loss.transpose("step", "seed")
        values = loss.values.astype(np.float64)
        if "loss" in dataset:
            status = dataset["status"].isel(bests[name].index).values
            values = np.where((status == 2) & ~np.isfinite(values), np.inf, values)
        bands.append((_only_lost(bests, name), loss["step"].values, values, k))
    for lost, steps, values, k in sorted(bands, key=lambda band: band[0]):
        if lost and axes.get_autoscaley_on():  # what diverged comes last and does not set the scale
            _scale_values(axes, drawn)
            axes.autoscale_view()
            axes.set_autoscaley_on(False)
        drawn.append(_band(axes, steps, values, k, seeds=values.shape[-1]))
    if axes.get_autoscaley_on():
        _scale_values(axes, drawn)
    if study.record.log is not None:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(left=0)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.set(
        xlabel="step (optimizer updates)", ylabel=f"noiseless loss ({_statistic(study)})", title="Loss at the best point of each sweep"
    )
    if not any(best.known for best in bests.values()):
        _say(axes, 0.92, _why_none(bests))


def loss_by_seed(dataset: Any, name: str) -> Any:
    """The loss with a `seed` dimension; of a store of statistics five values that have the stored quartiles, or the mean."""
    if "loss" in dataset:
        return dataset["loss"]
    if "loss_quantile" in dataset:
        wanted = np.clip([0.0, 0.25, 0.5, 0.75, 1.0], *dataset["quantile"].values[[0, -1]])
        levels = dataset["quantile"].values
        stored = dataset["loss_quantile"].transpose(..., "quantile")
        at = np.interp(wanted, levels, np.arange(len(levels)))
        low, high = np.floor(at).astype(int), np.ceil(at).astype(int)
        values = stored.values[..., low] + (stored.values[..., high] - stored.values[..., low]) * (at - low)
        return stored.isel(quantile=[0] * 5).drop_vars("quantile").rename(quantile="seed").copy(data=values)
    if "loss_mean" in dataset:
        return dataset["loss_mean"].expand_dims("seed")
    raise SpecError(f"{name}: neither the loss nor its mean or quantiles are stored; add loss to record.variables and run again")


def draw_sweep(axes: Any, study: Study, found: dict[str, Any], bests: dict[str, Best]) -> None:
    """Final loss against one swept field, the other fields at each optimizer's best; crosses mark where the median run diverged."""
    numeric = {name: [d for d in sweep_dims(data) if data[d].dtype.kind in "if"] for name, data in found.items()}
    field = next((dims[0] for dims in numeric.values() if dims), None)
    if field is None:
        raise SpecError("plot: the study sweeps no numeric field; choose another kind")
    drawn, everywhere, lost = [], [], []
    for k, (name, dataset) in enumerate(found.items()):
        final, dims = final_loss(dataset, name), sweep_dims(dataset)
        cut = final[tuple(slice(None) if d == field else bests[name].index[d] for d in dims)]
        if field not in dims:
            median = quantile(cut, 0.5)
            if np.isfinite(median):
                axes.axhline(median, color=_colour(k), ls="--", lw=1.4)
                drawn.append(np.array([median]))
            continue
        x = dataset[field].values.astype(np.float64)
        order = np.argsort(x)
        everywhere.append(x)
        drawn.append(_band(axes, x[order], cut[order], k, seeds=cut.shape[-1], marker="o"))
        lost += [(k, value) for value, median in zip(x, quantile(cut, 0.5), strict=True) if np.isposinf(median)]
    for height, k in enumerate(dict.fromkeys(k for k, _ in lost)):
        at = [value for j, value in lost if j == k]
        y = 0.975 - 0.035 * height
        axes.plot(at, [y] * len(at), "x", color=_colour(k), ms=7, mew=1.8, transform=axes.get_xaxis_transform())
    _scale_values(axes, drawn, room=bool(lost))
    x = np.unique(np.concatenate(everywhere))
    if x.min() > 0 and x.max() / x.min() >= 10 and (lost or any(len(values) for values in drawn)):
        axes.set_xscale("log")
    axes.set(xlabel=_plain(field), ylabel=f"final loss ({_statistic(study)})", title=f"Final loss against {_plain(field)}")
    if lost:
        axes.set_title("crosses at the top: the median run diverged", loc="right", fontsize=8, color="0.35", y=-0.19)
    if not any(best.known for best in bests.values()):
        _say(axes, 0.5, _why_none(bests))


def draw_landscape(axes: Any, study: Study, found: dict[str, Any], overall: dict[str, Best], ground: Any) -> None:
    """Filled contours of the loss, logarithmic above the lowest value in sight, minima as stars, and trajectories."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, LogNorm
    from matplotlib.patheffects import Normal, Stroke

    land, values, restricted, bests = ground
    count = min(TRAJECTORIES if len(found) <= 3 else 1, study.seeds)
    paths = {name: _paths(restricted[name].isel(best.index), land, count) for name, best in bests.items()}
    minima = [m for m in land.minima(values) if len(m.at) == 2]
    low, high = _extent(paths, restricted, bests, land, minima)
    x, y = (np.linspace(low[i], high[i], GRID) for i in (0, 1))
    points = np.stack(np.meshgrid(x, y), axis=-1)
    with np.errstate(all="ignore"):
        height = np.asarray(land.value(points, {name: np.full((1, 1), value) for name, value in values.items()}, np), dtype=np.float64)
    height = np.broadcast_to(np.where(np.isfinite(height), height, np.nan), (GRID, GRID))
    if np.isfinite(height).any() and np.nanmax(height) > np.nanmin(height):
        bottom = min([float(np.nanmin(height)), *(m.value for m in minima)])
        above = height - bottom
        top = float(np.nanmax(above))
        floor = min(max(float(np.nanquantile(above[above > 0], 0.01)), top * 1e-6), top / 10)
        levels = np.geomspace(floor, top * (1 + 1e-9), 22)
        greys = LinearSegmentedColormap.from_list("paper", ["#ffffff", "#8d99a6"])
        norm = LogNorm(levels[0], levels[-1])
        axes.contourf(x, y, np.maximum(above, floor), levels=levels, norm=norm, cmap=greys)
        axes.contour(x, y, np.maximum(above, floor), levels=levels[2::3], colors="#5d6770", linewidths=0.4, alpha=0.7)
        shown = "noiseless loss" if bottom == 0 else f"noiseless loss {'-' if bottom > 0 else '+'} {abs(bottom):.3g}"
        axes.figure.colorbar(ScalarMappable(norm, greys), ax=axes, label=shown, pad=0.02)
    halo = [Stroke(linewidth=2.6, foreground="white", alpha=0.8), Normal()]
    for k, name in enumerate(found):
        for path in paths[name]:
            axes.plot(path[:, 0], path[:, 1], color=_colour(k), ls=_style(k), lw=1.2, path_effects=halo, zorder=3)
            ends = path[np.isfinite(path).all(-1)]
            if len(ends):
                axes.plot(*ends[-1], "o", color=_colour(k), mec="white", mew=0.8, ms=5.5, zorder=5)
                axes.plot(*ends[0], "s", color="black", mec="white", mew=0.8, ms=5, zorder=4)
    for minimum in minima:
        if not minimum.local or np.all((minimum.at >= low) & (minimum.at <= high)):
            axes.plot(*minimum.at, "*", color="#F0E442", mec="black", mew=0.9, ms=15 if not minimum.local else 10, zorder=4.5)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    first, second = land.labels or ("x[0]", "x[1]")
    axes.set(xlabel=_plain(first), ylabel=_plain(second))
    swept = [path[-1] for path, _ in study.landscape.swept().items()]
    where = ", ".join(f"{name}={values[name]:.4g}" for name in swept if name in values)
    axes.set_title(_plain(f"{land.kind}{f' ({where})' if where else ''}, {count} seed{'s' * (count > 1)} each"))
    legend = "square: start, dot: end" + (", star: minimum" if minima else "")
    legend += "".join(f"\n{name} here at {b.text}" for name, b in bests.items() if b.values != overall[name].values)
    axes.annotate(
        _plain(legend),
        (0.01, 0.01),
        xycoords="axes fraction",
        fontsize=7.5,
        color="0.2",
        bbox={"fc": "white", "ec": "none", "alpha": 0.7, "pad": 1.5},
    )
    if not any(best.known for best in bests.values()):
        _say(axes, 0.92, _why_none(bests))


def _ground(study: Study, found: dict[str, Any], bests: dict[str, Best]) -> tuple[Any, str | None]:
    """What a picture of the landscape needs, or why there can be none.

    A swept landscape has the values of the best optimizer's best point, and every other optimizer is shown at its best for these.
    """
    known = sorted(bests, key=lambda name: (np.isnan(bests[name].median), bests[name].median))
    best = bests[known[0]]
    fixed = {path: best.values[key] for key, path in _landscape_fields(found[known[0]]).items()}
    land = study.landscape.replace(fixed) if fixed else study.landscape
    if land.size != 2:
        return None, f"plot: the landscape {land.kind} has {land.size} components, a picture of it needs 2; choose loss or sweep"
    names = [block_variable("params", block, study.landscape.blocks) for block in study.landscape.blocks]
    for name, dataset in found.items():
        if any(variable not in dataset.data_vars for variable in names):
            return None, f"plot: {name} has no params, which trajectories need; add params to record.variables and run again"
    restricted = {}
    for name, dataset in found.items():
        for key, path in _landscape_fields(dataset).items():
            dataset = dataset.isel({dataset[key].dims[0]: np.flatnonzero(dataset[key].values == fixed[path])})
        restricted[name] = dataset
    values = {path[-1]: float(value) for path, value, structural in land.fields() if not structural and isinstance(value, (int, float))}
    return (land, values, restricted, {name: best_point(dataset, name) for name, dataset in restricted.items()}), None


def _landscape_fields(dataset: Any) -> dict[str, tuple[str, ...]]:
    """The swept fields of the landscape: coordinate -> path below the landscape."""
    names = {key: str(dataset[key].attrs.get("long_name", "")) for key in swept_coordinates(dataset)}
    return {key: tuple(name.split(" ", 1)[1].split(".")) for key, name in names.items() if name.startswith("landscape ")}


def _paths(point: Any, land: Landscape, count: int) -> np.ndarray:
    """Trajectories of the first seeds, (seeds, steps, 2)."""
    point = point.isel(seed=slice(0, count))
    point = point.isel(step=slice(None, None, max(1, point.sizes["step"] // 3000)))
    parts = []
    for block, shape in land.blocks.items():
        stored = point[block_variable("params", block, land.blocks)]
        inner = [d for d in stored.dims if d not in ("seed", "step")]
        values = stored.transpose("seed", "step", *inner).values[(..., *(slice(0, n) for n in shape))]
        parts.append(values.reshape(*values.shape[:2], -1))
    return np.concatenate(parts, axis=-1).astype(np.float64)


def _extent(paths: dict[str, np.ndarray], found: dict[str, Any], bests: dict[str, Best], land: Landscape, minima: Sequence[Any]) -> Any:
    """The corners (low, high) of what is shown: the trajectories of runs that did not diverge, near minima, and a margin."""
    kept = []
    for name, path in paths.items():
        status = found[name]["status"].isel(bests[name].index).values[: len(path)]
        kept.append(path[(status != 2)].reshape(-1, 2))
    inside = np.concatenate(kept)
    inside = inside[np.isfinite(inside).all(-1)]
    if not len(inside):
        starts = np.concatenate([path[:, 0] for path in paths.values()])
        starts = starts[np.isfinite(starts).all(-1)]
        inside = np.concatenate([starts, np.array([[land.domain[0]] * 2, [land.domain[1]] * 2])])
    low, high = inside.min(0), inside.max(0)
    for minimum in minima:
        grown = np.minimum(low, minimum.at), np.maximum(high, minimum.at)
        if np.max(grown[1] - grown[0]) <= 4 * max(np.max(high - low), 1e-9):
            low, high = grown
    span = high - low
    span = np.maximum(span, 0.25 * span.max())
    span = np.where(span > 0, span, np.maximum(np.abs(low), 1.0))
    middle = (low + high) / 2
    return middle - 0.6 * span, middle + 0.6 * span


def _band(axes: Any, x: np.ndarray, values: np.ndarray, k: int, seeds: int, marker: str | None = None) -> np.ndarray:
    """Median and 25-75 % band of values (x, seeds); returns the finite numbers that were drawn."""
    median, low, high = (np.where(np.isfinite(v), v, np.nan) for v in (quantile(values, q) for q in (0.5, 0.25, 0.75)))
    if marker is None and len(x) == 1:
        marker = "o"
    axes.plot(x, median, color=_colour(k), ls=_style(k), lw=1.6, marker=marker, ms=4, zorder=3)
    if seeds > 1:
        axes.fill_between(x, low, high, color=_colour(k), alpha=0.2, lw=0, zorder=2)
    drawn = np.concatenate([median, low, high])
    return drawn[np.isfinite(drawn)]


def _scale_values(axes: Any, drawn: list[np.ndarray], room: bool = False) -> None:
    """A logarithmic y axis where all is positive and spans a decade; symmetric logarithm where signs differ and sizes too; else linear."""
    values = np.concatenate([*drawn, np.empty(0)])
    if not values.size:
        axes.set_yticks([])
        return
    positive, size = values[values > 0], np.abs(values[values != 0])
    if values.min() >= 0 and positive.size and np.log10(positive.max()) - np.log10(positive.min()) > 1:
        axes.set_yscale("log")
    elif values.min() < 0 and size.max() / np.median(size) > 30:
        from matplotlib.ticker import SymmetricalLogLocator

        threshold = 10.0 ** np.floor(np.log10(np.median(size)))
        axes.set_yscale("symlog", linthresh=threshold)
        axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=threshold))
    axes.margins(y=0.14 if room else 0.05)
    axes.grid(True, color="0.9", lw=0.6)
    axes.set_axisbelow(True)


def _legend(figure: Any, bests: dict[str, Best], points: bool) -> None:
    from textwrap import fill

    from matplotlib.lines import Line2D

    handles = []
    for k, (name, best) in enumerate(bests.items()):
        note = best.text if best.known else _why_none({name: best})
        label = f"{name}: {note}" if note and (points or not best.known) else name
        label = fill(label, 120 if figure.get_figwidth() > 10 else 65)
        handles.append(Line2D([], [], color=_colour(k), ls=_style(k), lw=2, label=_plain(label)))
    longest = max(len(line) for h in handles for line in str(h.get_label()).splitlines())
    room = 130 if figure.get_figwidth() > 10 else 72
    columns = max(1, min(len(handles), room // (longest + 8), 4))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _say(axes: Any, height: float, text: str) -> None:
    axes.text(
        0.5, height, text, transform=axes.transAxes, ha="center", va="center", fontsize=14, color="0.25", zorder=10,
        bbox={"fc": "white", "ec": "0.7", "alpha": 0.85, "pad": 6},
    )  # fmt: skip


def _only_lost(bests: dict[str, Best], name: str) -> bool:
    """Whether this optimizer only diverged while another did not."""
    return bool(bests[name].counts["diverged"]) and not bests[name].known and any(best.known for best in bests.values())


def _why_none(bests: dict[str, Best]) -> str:
    return "every run diverged" if any(best.counts["diverged"] for best in bests.values()) else "no run is finished yet"


def _statistic(study: Study) -> str:
    return f"median and 25-75 % of {study.seeds:,} seeds" if study.seeds > 1 else "1 seed"


def _plain(text: str) -> str:
    """Text in which matplotlib sees no mathematics."""
    return str(text).replace("$", r"\$")


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _style(k: int) -> str:
    return STYLES[k // len(COLOURS) % len(STYLES)]
