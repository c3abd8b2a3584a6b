"""The galleries' pictures: every landscape as contours, every optimizer on the landscape of its kind."""

from pathlib import Path
from typing import Any

import numpy as np
import thalweg
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
from thalweg.engine.comparison import best_point
from thalweg.engine.text.whole_file import whole
from thalweg.optimizers._matrix import MatrixOptimizer
from thalweg.optimizers._particles import ParticleOptimizer
from thalweg.specs.init import Normal as NormalInit
from thalweg.specs.init import Point
from thalweg.specs.landscapes.base import Landscape
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS

GREYS = LinearSegmentedColormap.from_list("paper", ["#ffffff", "#8d99a6"])
BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"
GRID = 240
RATES = {"logspace": [1.0e-3, 1.0, 13]}
"""Learning rates that are tried; the picture shows the best, as `thalweg compare` finds it."""
SPHERES = {
    "power_iteration": {"kind": "tensor_pca", "dim": 16, "order": 2, "samples": 100},
    "spherical_sgd": {"kind": "single_index", "dim": 16, "link": "he2", "samples": 400},
    "spherical_langevin": {"kind": "tensor_pca", "dim": 16, "order": 3, "samples": 20000},
}
STAGES: dict[str, dict[str, Any]] = {
    "point": {"landscape": {"kind": "rosenbrock", "b": 10.0}, "init": {"kind": "point", "at": [-1.2, 1.2]}, "steps": 300},
    "swarm": {"landscape": {"kind": "rastrigin", "dim": 2}, "init": {"kind": "uniform", "low": -4.0, "high": 4.0}, "steps": 200},
    "matrix": {"landscape": {"kind": "matrix_quadratic", "rows": 6, "cols": 4, "left": 30.0, "right": 30.0}, "steps": 200, "seeds": 5},
}


def example(kind: str) -> Landscape:
    """A small instance of a landscape, in the plane where it can be."""
    cls = LANDSCAPES.load(kind)
    given = cls.example() if hasattr(cls, "example") and kind != "quadratic" else {}
    dim = {"dim": 2} if "dim" in cls.model_fields and cls.model_fields["dim"].default is not None and kind not in SPHERICAL else {}
    return cls.model_validate({"kind": kind, **given, **dim})


SPHERICAL = tuple(stage["kind"] for stage in SPHERES.values())


def numbers(land: Landscape) -> dict[str, Any]:
    """The landscape's numbers and what is random about it, as `value` takes them."""
    rng = np.random.default_rng(0)
    made = {path[-1]: np.full((1, 1), float(v)) for path, v, s in land.fields() if not s and isinstance(v, (int, float))}
    return made | {name: v[None] for name, v in land.disorder(lambda count: rng.standard_normal((1, count))).items()}


def heights(land: Landscape, points: np.ndarray) -> np.ndarray:
    """The loss at points (n, dim)."""
    with np.errstate(all="ignore"):
        value = np.asarray(land.value(points[None, None] if land.disorder_size == 0 else points[:, None], numbers(land), np), dtype=float)
    return value.reshape(len(points))


def contours(axes: Any, x: np.ndarray, y: np.ndarray, height: np.ndarray, bottom: float | None = None) -> None:
    """Filled contours, logarithmic above the lowest value."""
    above = height - min(float(np.nanmin(height)), np.inf if bottom is None else bottom)
    top = float(np.nanmax(above))
    floor = min(max(float(np.nanquantile(above[above > 0], 0.01)), top * 1e-5), top / 10)
    levels = np.geomspace(floor, top * (1 + 1e-9), 22)
    axes.contourf(x, y, np.maximum(above, floor), levels=levels, norm=LogNorm(levels[0], levels[-1]), cmap=GREYS)
    axes.contour(x, y, np.maximum(above, floor), levels=levels[2::3], colors="#5d6770", linewidths=0.4, alpha=0.7)


def landscape(kind: str, target: Path) -> str:
    """Draw a landscape; returns what the picture shows, for the caption."""
    land = example(kind)
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.subplots()
    low, high = land.domain
    if land.size == 2:
        x = y = np.linspace(low, high, GRID)
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        minima = land.minima({name: float(v.ravel()[0]) for name, v in numbers(land).items()})
        contours(axes, x, y, heights(land, points).reshape(GRID, GRID), min((m.value for m in minima), default=None))
        for minimum in minima:
            if np.all((np.array(minimum.at) >= low) & (np.array(minimum.at) <= high)):
                axes.plot(*minimum.at, "*", color="#F0E442", mec="black", mew=0.9, ms=10 if minimum.local else 15)
        begin = land.start()
        if isinstance(begin, Point):
            at = np.broadcast_to(begin.at, 2)
            axes.plot(*at, "s", color="black", mec="white", ms=6)
        labels = land.labels or ("x[0]", "x[1]")
        axes.set(xlabel=labels[0], ylabel=labels[1], xlim=(low, high), ylim=(low, high))
        caption = "Contours of the loss, logarithmic above the lowest value" + ("; stars: minima" if minima else "")
        caption += "; square: where runs start by default" * isinstance(begin, Point)
    else:
        count = 90
        rng = np.random.default_rng(1)
        center, planted = middle(land)
        across = np.linalg.qr(rng.standard_normal((land.size, 2)))[0].T
        reach = max(float(np.linalg.norm(center)), 1.0)
        x = y = np.linspace(-reach, reach, count)
        a, b = (v.reshape(-1, 1) for v in np.meshgrid(x, y))
        points = center + a * across[0] + b * across[1]
        if isinstance(land.start(), type(LANDSCAPES.load("tensor_pca")().start())):
            points /= np.linalg.norm(points, axis=-1, keepdims=True)
        contours(axes, x, y, heights(land, points).reshape(count, count))
        axes.plot(
            0,
            0,
            "*" if planted else "s",
            color="#F0E442" if planted else "black",
            mec="black" if planted else "white",
            ms=12 if planted else 6,
        )
        axes.set(xlabel="along one random direction", ylabel="along another")
        caption = f"A section of the loss ({land.size} components in all) through {'the planted solution' if planted else 'a start'}, along two random directions"
    axes.set_title(kind)
    save(figure, target)
    return caption


def middle(land: Landscape) -> tuple[np.ndarray, bool]:
    """A planted solution, or where a run starts; and which."""
    solution = land.solution(numbers(land), np)
    minima = land.minima({name: float(np.ravel(v)[0]) for name, v in numbers(land).items() if np.size(v) == 1})
    if minima:
        return np.array(minima[0].at), True
    if solution is not None:
        return np.asarray(solution, dtype=float).reshape(-1, land.size)[0], True
    begin = land.start()
    if isinstance(begin, Point):
        return np.broadcast_to(np.asarray(begin.at, dtype=float), land.size).copy(), False
    scale = float(begin.std) if isinstance(begin, NormalInit) else 0.5  # type: ignore[arg-type]
    return scale * np.random.default_rng(0).standard_normal(land.size), False


def stage(kind: str) -> dict[str, Any]:
    """The landscape, start and length that an optimizer of this kind is shown on."""
    cls = OPTIMIZERS.load(kind)
    if kind in SPHERES:
        return {"landscape": SPHERES[kind], "steps": 60 if kind == "power_iteration" else 400, "seeds": 5}
    if kind == "curl_descent":
        return {"landscape": {"kind": "linear_teacher", "inputs": 12, "hidden": 40}, "steps": 300, "seeds": 5}
    if issubclass(cls, ParticleOptimizer):
        return STAGES["swarm"]
    return STAGES["matrix"] if issubclass(cls, MatrixOptimizer) else STAGES["point"]


def settings(kind: str) -> dict[str, Any]:
    """The optimizer as the picture has it: defaults, and learning rates to choose from."""
    fixed = {"sgld": {"temperature": 0.01}, "curl_descent": {"hidden_flips": 0.1}, "spherical_langevin": {"inverse_temperature": 50.0}}
    ends = {"power_iteration": {"values": [0.1, 0.5, 1.0]}, "adadelta": {"logspace": [0.1, 100.0, 13]}}
    return {"kind": kind, "lr": ends.get(kind, RATES), **fixed.get(kind, {})}


def study(kind: str) -> dict[str, Any]:
    """The study behind an optimizer's picture."""
    shown = stage(kind)
    record: dict[str, Any] = {"every": 1}
    if shown is STAGES["swarm"]:
        record["variables"] = ["loss", "params", "swarm"]
    if shown is STAGES["matrix"]:
        record["variables"] = ["loss", "update_singular_values"]
    return {"name": kind, **shown, "optimizers": [settings(kind)], "record": record}


def optimizer(kind: str, target: Path) -> str:
    """Draw an optimizer at the best of some learning rates; returns the caption."""
    given = study(kind)
    dataset = thalweg.run(given, executor="array")[kind].to_dataset()
    best = best_point(dataset, kind)
    run = dataset.isel(best.index)
    figure = Figure(figsize=(9.2, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    name = given["landscape"]["kind"]
    if "params" in run and name in ("rosenbrock", "rastrigin"):
        trajectory(left, run, LANDSCAPES.load(name).model_validate(given["landscape"]))
        words = (
            f"the path on {name}'s function"
            if "swarm" not in run
            else f"the swarm on {name}'s function, pale at the start and dark at the end, and its consensus"
        )
    else:
        words = curves(left, run)
    loss = run.loss.transpose("step", "seed").values
    right.plot(run.step, loss, color=BLUE, lw=1.2, alpha=0.8)
    right.set(xlabel="step", ylabel="loss", title="loss")
    if np.nanmin(loss) > 0 or (np.nanmin(loss) == 0 and np.nanmax(loss) > 0):
        right.set_yscale("log", nonpositive="clip")
        right.set_ylim(bottom=max(float(np.nanmin(loss[loss > 0])), float(np.nanmax(loss)) * 1e-17) / 2)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{kind}, {best.text}")
    save(figure, target)
    return f"Left: {words}. Right: the loss. The learning rate is the best of {len(dataset.lr)} between {float(dataset.lr[0]):g} and {float(dataset.lr[-1]):g}"


def trajectory(axes: Any, run: Any, land: Landscape) -> None:
    """The path of the first seed in the plane, and the swarm's ends."""
    run = run.isel(seed=0)
    path = run.params.transpose("step", ...).values.reshape(run.sizes["step"], 2)
    if "swarm" in run:
        low, high = np.array([-5.12, -5.12]), np.array([5.12, 5.12])
    else:
        low, high = np.array([-1.8, -0.8]), np.array([1.8, 2.0])
    x, y = (np.linspace(low[i], high[i], GRID) for i in (0, 1))
    contours(axes, x, y, heights(land, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(GRID, GRID), 0.0)
    if "swarm" in run:
        swarm = run.swarm.transpose("step", ...).values
        for step, alpha, colour in ((0, 0.35, GREEN), (len(swarm) // 8, 0.5, GREEN), (len(swarm) - 1, 0.9, GREEN)):
            axes.plot(*swarm[step].reshape(-1, 2).T, ".", color=colour, ms=4, alpha=alpha, zorder=2)
    halo = [Stroke(linewidth=2.6, foreground="white", alpha=0.8), Normal()]
    axes.plot(path[:, 0], path[:, 1], color=RED, lw=1.2, path_effects=halo, zorder=3)
    axes.plot(*path[0], "s", color="black", mec="white", ms=6, zorder=4)
    axes.plot(*path[-1], "o", color=RED, mec="white", ms=6, zorder=5)
    for minimum in land.minima({name: float(np.ravel(v)[0]) for name, v in numbers(land).items()}):
        axes.plot(*minimum.at, "*", color="#F0E442", mec="black", mew=0.9, ms=13, zorder=4)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="x[0]", ylabel="x[1]", title=f"path on {land.kind}")


def curves(axes: Any, run: Any) -> str:
    """What else can be seen of a run that is not in the plane; returns it in words."""
    if "update_singular_values" in run:
        values = run.update_singular_values.isel(seed=0, step=slice(1, None))
        axes.semilogy(values.step, np.maximum(values.transpose("step", ...).values, 1e-300), lw=1.2)
        axes.set_ylim(float(values.max()) * 1e-6, float(values.max()) * 3)
        axes.set(xlabel="step", ylabel="singular values", title="singular values of the update")
        return "the singular values of its updates on matrix_quadratic, one run"
    name = next(v for v in ("overlap", "error") if v in run)
    axes.plot(run.step, abs(run[name]).transpose("step", "seed"), color=RED, lw=1.2, alpha=0.8)
    axes.set(xlabel="step", ylabel=name, title={"overlap": "overlap with the planted direction", "error": "error"}[name])
    return f"the {name} in five runs"


def save(figure: Figure, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as part:
        figure.savefig(part, dpi=110)
