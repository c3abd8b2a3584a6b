"""One file adds a landscape, an optimizer, a diagnostic, a picture, a view of a comparison, a command: a package with one module of each,
as pip would install it, in a process of its own, since a registry looks once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

UNITS = {
    "thalweg.landscapes": (
        "dome",
        '''
from typing import Literal

from thalweg.specs.base import Positive
from thalweg.specs.landscapes.base import FormulaLandscape
from thalweg.specs.sweep import Swept


class Dome(FormulaLandscape):
    """A bowl, k (x^2 + y^2) / 2."""

    kind: Literal["dome"] = "dome"
    k: Swept[Positive] = 1.0
    variables = ("x", "y")
    formula = "k/2*(x**2 + y**2)"
''',
    ),
    "thalweg.optimizers": (
        "half_step",
        '''
from typing import Literal

from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.base import NonNegative
from thalweg.specs.sweep import Swept


class HalfStep(ElementwiseOptimizer):
    """Half of gradient descent: x <- x - lr g / 2."""

    kind: Literal["half_step"] = "half_step"
    lr: Swept[NonNegative] = 0.1

    @staticmethod
    def update(x, g, lr):
        return x - lr * g / 2
''',
    ),
    "thalweg.diagnostics": (
        "alignment",
        '''
from typing import ClassVar, Literal

from thalweg.specs.diagnostics.base import Diagnostic


class Alignment(Diagnostic):
    """Inner product of iterate and gradient."""

    kind: Literal["alignment"] = "alignment"
    text: ClassVar[str] = "inner product of iterate and gradient"

    def see(self, view):
        return (view.x * view.gradient()).sum(-1)
''',
    ),
    "thalweg.probes": (
        "height",
        '''
from typing import Literal

from thalweg.engine.probes.base import Array, Probe


class Height(Probe):
    """Loss at the stored points."""

    kind: Literal["height"] = "height"

    def arrays(self, scene):
        return {"loss": Array(text="loss")}

    def look(self, view):
        return {"loss": view.value()}
''',
    ),
    "thalweg.plot": (
        "ends",
        '''
"""Where the runs ended."""

OPTIONS = ()


def draw(picture):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    for name, dataset in picture.groups.items():
        axes.plot(*dataset.params.isel(step=-1).values.T, "o", label=name)
    return figure
''',
    ),
    "thalweg.views": (
        "worst",
        '''
"""The worst final loss of every optimizer."""

import numpy as np
from thalweg.engine.text.tables import Column


def view(entries):
    import xarray

    losses = [float(np.max(entry.at_best)) for entry in entries]
    return xarray.Dataset({"worst": ("optimizer", losses)}, coords={"optimizer": [entry.label for entry in entries]})


def columns(dataset):
    return [
        Column("optimizer", [str(name) for name in dataset.optimizer.values], name=True),
        Column("worst", [f"{loss:.3g}" for loss in dataset.worst.values]),
    ]


def note(dataset):
    return ["the largest of all seeds"]
''',
    ),
    "thalweg.commands": (
        "tally",
        '''
"""thalweg tally."""


def tally(store: str) -> None:
    """Count the runs of a store."""
    import thalweg

    print(sum(node.status.size for node in thalweg.open_run(store).children.values()), "runs")
''',
    ),
}

STUDY = """\
name: plugged
landscape: {kind: dome, k: [1.0, 2.0]}
init: {kind: normal}
optimizers: [{kind: half_step}, {kind: sgd}]
seeds: 3
steps: 5
record: {variables: [loss, params, alignment]}
claims:
  - {name: half the step, group: half_step, measure: "mean(at(alignment, 1)/at(alignment, 0), 'seed')", expected: "(1 - 0.05*k)**2", atol: 1.0e-9}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as site-packages would be, with the plug-in in it, and a study."""
    folder = tmp_path_factory.mktemp("plugged")
    info = folder / "thalweg_extra-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thalweg-extra\nVersion: 0.1.0\n")
    points = []
    for group, (name, text) in UNITS.items():
        (folder / f"extra_{name}.py").write_text(text)
        points.append(f"[{group}]\n{name} = extra_{name}\n")
    points.append("fails = no_such_module\n")  # in the last group, the commands
    (info / "entry_points.txt").write_text("".join(points))
    (folder / "plugged.yaml").write_text(STUDY)
    return folder


def thalweg(place, *words, code=0):
    """What a command prints; `code` is the exit code that is expected."""
    paths = [str(place), str(ROOT / ".links"), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-m", "thalweg", *words], env=env, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_one_file_adds_a_unit_of_every_kind(place):
    for what in ("landscapes", "optimizers", "diagnostics", "probes"):
        name, text = UNITS[f"thalweg.{what}"]
        summary = text.split('"""')[1].splitlines()[0].rstrip(".")
        shown = thalweg(place, "list", what)
        assert name in shown
        assert summary in shown
    assert "1 passed" in thalweg(place, "verify", "plugged.yaml", "--out", "runs")
    store = "runs/plugged.zarr"
    assert thalweg(place, "tally", store).strip() == "12 runs"
    assert "stored GROUP/probe/height" in thalweg(place, "probe", store, "height", "--set", "at=all")
    shown = thalweg(place, "compare", store, "--view", "worst")
    assert "half_step" in shown
    assert "the largest of all seeds" in shown
    assert "worst" in thalweg(place, "compare", store, "--view", "worst", "--format", "csv").splitlines()[0]
    thalweg(place, "plot", store, "ends", "-o", "ends.png")
    assert (place / "ends.png").stat().st_size > 1000
    thalweg(place, "plot", store, "spectrum", "--value", "alignment", "-o", "alignment.png")


def test_the_help_has_the_command_and_a_broken_one_says_why(place):
    shown = thalweg(place, "--help")
    assert "Count the runs of a store." in shown
    assert "broken" in shown
    assert "the command 'fails' (no_such_module) fails to import" in thalweg(place, "fails", code=1)


def test_lists_have_views_and_pictures_of_plug_ins(place):
    for what in ("views", "pictures"):
        name, text = UNITS[{"views": "thalweg.views", "pictures": "thalweg.plot"}[what]]
        assert name in thalweg(place, "list", what)
        assert text.split('"""')[1] in thalweg(place, "list", what)
    shown = thalweg(place, "compare", "runs/plugged.zarr", "--view", "wurst", code=2)
    assert "there is no view 'wurst'; did you mean 'worst'?" in shown
