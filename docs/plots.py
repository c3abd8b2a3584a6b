"""The pictures of plots.md: python docs/plots.py [NAME ...]. Each is a command of that page over a small version of a bundled study."""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import thalweg
import yaml
from PIL import Image
from thalweg.engine.text.whole_file import whole

HERE = Path(__file__).parent / "plots"
WIDTH = 900

RIVER = ("river_valley", ["seeds=32", "steps=3000", "record.every=15"])
VALLEYS: dict[str, Any] = {
    "name": "valleys",
    "title": "Rosenbrock valleys of different steepness",
    "landscape": {"kind": "rosenbrock", "b": [1.0, 10.0, 100.0]},
    "noise": {"kind": "gaussian", "scale": 0.3},
    "optimizers": [
        {"kind": "sgd", "lr": {"logspace": [1e-4, 0.1, 12]}},
        {"kind": "adam", "lr": {"logspace": [1e-3, 1.0, 12]}, "beta1": {"linspace": [0.0, 0.95, 8]}},
        {"kind": "rmsprop", "lr": {"logspace": [1e-3, 1.0, 12]}},
    ],
    "seeds": 16,
    "steps": 1500,
    "record": {"every": 10},
}
HIMMELBLAU: dict[str, Any] = {
    "name": "himmelblau",
    "title": "Three optimizers on Himmelblau's function",
    "landscape": "himmelblau",
    "init": {"kind": "point", "at": [-0.5, -1.2]},
    "optimizers": [
        {"kind": "sgd", "lr": 0.002},
        {"kind": "sgd", "label": "momentum", "lr": 0.002, "momentum": 0.9},
        {"kind": "adam", "lr": 0.1},
    ],
    "steps": 160,
    "record": {"every": 4},
}
MATRIX: dict[str, Any] = {
    "name": "matrix",
    "title": "SGD and Muon on a matrix quadratic",
    "landscape": {"kind": "matrix_quadratic", "left": 100.0, "right": 100.0},
    "optimizers": [{"kind": "sgd", "lr": 1.9}, {"kind": "muon", "lr": 0.03}],
    "seeds": 4,
    "steps": 200,
    "record": {"every": 2, "variables": ["loss", "singular_values", "update_singular_values", "gradient_norm"]},
}
SPECTRA: dict[str, Any] = {
    "name": "spectra",
    "title": "A small network on handwritten digits",
    "landscape": {
        "kind": "expression",
        "data": {"builtin": "digits", "limit": 300},
        "variables": {"W1": ["p", 10], "W2": [10, "classes"]},
        "define": {"net(x)": "tanh(x @ W1) @ W2"},
        "value": "mean(cross_entropy(net(X), y))",
    },
    "init": {"kind": "fan_in"},
    "noise": {"kind": "minibatch", "size": 30},
    "optimizers": [{"kind": "sgd", "lr": 0.1, "momentum": 0.9}, {"kind": "adam", "lr": 0.01}],
    "seeds": 2,
    "steps": 300,
    "record": {"every": 30},
    "probes": [{"kind": "spectrum", "at": [0, 30, 300], "nodes": 60}],
}
FORKS: dict[str, Any] = {
    "name": "forks",
    "title": "One network, left at three steps with other noise, and annealed",
    "stages": [
        {
            "name": "common",
            "landscape": {
                "kind": "expression",
                "data": {"builtin": "blobs"},
                "variables": {"W1": ["p", 8], "W2": [8, "classes"]},
                "define": {"net(x)": "tanh(x @ W1) @ W2"},
                "value": "mean(cross_entropy(net(X), y))",
            },
            "init": {"kind": "fan_in"},
            "noise": {"kind": "minibatch", "size": 5},
            "optimizers": [{"kind": "sgd", "lr": 0.2, "momentum": 0.8}],
            "seeds": 8,
            "steps": 100,
            "record": {"every": 4, "state": [20, 60, 100]},
        },
        {"name": "fork", "from": "common", "at": [20, 60, 100], "noise_seed": [1, 2], "steps": 220},
        {"name": "quiet", "from": "common", "repeat": 3, "set": {"sgd.lr": "0.2/4**(k + 1)"}, "steps": 40},
    ],
}
SEEDS: dict[str, Any] = {
    "name": "seeds",
    "title": "Networks from different starts",
    "landscape": {"kind": "mlp", "hidden": [12], "data": {"builtin": "digits", "limit": 100}},
    "optimizers": [{"kind": "sgd", "lr": 0.5}],
    "seeds": 4,
    "steps": 100,
    "record": {"every": 25},
    "probes": [{"kind": "path", "at": "all"}, {"kind": "path", "name": "matched", "at": "all", "align": "permutation"}],
}


def of_page(name: str, page: str) -> dict[str, Any]:
    """A study that a how-to shows."""
    found = re.search(rf"```yaml\n(name: {name}\n.*?)```", (HERE.parent / "howto" / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{page} has no study {name}"
    return yaml.safe_load(found[1])


MEASURES = "features.rankme,features.nc1,kernel.change,kernel.alignment"
SPACING = "{linspace: [0.0, 0.95, 20]}"
MOMENTUM = (
    "river_valley_momentum",
    ["seeds=20", "steps=400", "record.variables=[loss, hill, river]", "sgd.lr={logspace: [0.02, 8, 24]}"]
    + [f"sgd.{field}={SPACING}" for field in ("momentum", "dampening")],
)
EDGE = "lr*sharpness == 2*(1 + momentum)/(1 - momentum)"

PICTURES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "overview": (RIVER, "overview", {}),
    "overview_dark": (RIVER, "overview", {"theme": "dark"}),
    "landscape": (VALLEYS, "landscape", {"seeds": 1}),
    "loss": (VALLEYS, "loss", {"at": {"b": 100.0}}),
    "sweep": (VALLEYS, "sweep", {}),
    "phase": (MOMENTUM, "phase", {"value": "diverged", "line": EDGE}),
    "heatmap": (VALLEYS, "phase", {"groups": ["adam"], "x": "lr", "y": "beta1", "at": {"b": 10.0}}),
    "profile": (VALLEYS, "profile", {}),
    "spectrum": (MATRIX, "spectrum", {}),
    "density": (SPECTRA, "density", {}),
    "plane": (of_page("digits_planes", "planes.md"), "plane", {}),
    "features": (of_page("digits_features", "features.md"), "features", {"value": MEASURES}),
    "stages": (FORKS, "stages", {}),
    "problems": (of_page("suite", "problems.md"), "problems", {}),
    "ranks": (of_page("suite", "problems.md"), "ranks", {}),
    "barrier": (SEEDS, "barrier", {}),
    "network": (of_page("digits_planes", "planes.md"), "landscape", {}),
    "surface": (HIMMELBLAU, "surface", {"cmap": "viridis"}),
    "animate": (HIMMELBLAU, "animate", {"theme": "dark"}),
}


def shrunk(path: Path) -> None:
    """A .png at the width of a page, in few colours."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    with whole(path) as part:
        image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(part, optimize=True)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    stores: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or PICTURES:
            source, kind, options = PICTURES[name]
            study, settings = source if isinstance(source, tuple) else (source, [])
            key = study if isinstance(study, str) else study["name"]
            if key not in stores:
                stores[key] = thalweg.run(study, f"{folder}/{key}.zarr", settings=settings)
            target = HERE / f"{name}.{'gif' if kind == 'animate' else 'png'}"
            thalweg.plot(stores[key], kind, target, **options)
            if target.suffix == ".png":
                shrunk(target)
            print(f"wrote {target.name}, {target.stat().st_size / 1000:.0f} kB")
