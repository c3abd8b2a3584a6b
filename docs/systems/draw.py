"""The systems' pictures: python docs/systems/draw.py [NAME ...].

Each NAME.py beside this file has a function `draw(axes)`, which draws into two axes, side by side, from the bundled studies in small versions.
"""

import importlib.util
import sys
from pathlib import Path

import matplotlib as mpl
from thalweg.engine.text.whole_file import whole

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]  # Okabe and Ito: told apart by everyone


def draw(name: str) -> None:
    """Write NAME.png with what NAME.py draws."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    if spec is None or spec.loader is None or not (HERE / f"{name}.py").is_file():
        sys.exit(f"{name}: there is no such picture (there are: {', '.join(names())})")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    module.draw(axes)
    for each in axes:
        if each.get_legend() is None and each.get_legend_handles_labels()[0]:
            each.legend(frameon=False, fontsize=8)
    with whole(HERE / f"{name}.png") as part:
        figure.savefig(part, dpi=130)
    plt.close(figure)
    print(f"wrote {HERE / name}.png")


def names() -> list[str]:
    """The systems whose picture is drawn here."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem != "draw")


if __name__ == "__main__":
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS)
    for wanted in sys.argv[1:] or names():
        draw(wanted)
