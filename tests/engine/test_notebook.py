"""A notebook: plans, comparisons and verdicts are tables, runs have bars, pictures show, classes of the notebook run."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELLS = {
    "study": """
import matplotlib.pyplot as plt
import numpy as np
import thalweg

study = {
    "name": "book",
    "landscape": {"kind": "rosenbrock", "b": 10.0},
    "init": {"kind": "uniform", "low": -1.0, "high": 1.0},
    "optimizers": [{"kind": "sgd", "lr": np.geomspace(1e-4, 1e-2, 5)}, {"kind": "adam", "lr": [0.01, 0.1]}, "lion"],
    "seeds": 40,
    "steps": 60,
    "record": {"every": 10, "state": [30]},
    "claims": [{"name": "it comes down", "measure": "mean(final(adam.loss) - initial(adam.loss), 'seed')", "less_than": 0, "where": "lr > 0.05"}],
}
""",
    "plan": "thalweg.check(study)",
    "run": 'tree = thalweg.run(study, "book.zarr")',
    "compare": "thalweg.compare(tree)",
    "verify": 'thalweg.verify("book.zarr")',
    "yaml": "print(thalweg.load_study(study).to_yaml())",
    "plot": 'thalweg.plot(tree, "loss")',
    "svg": 'thalweg.plot(tree, "sweep", "sweep.svg", x="lr")',
    "axes": """
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
thalweg.plot(tree, "loss", ax=left)
assert thalweg.plot(tree, "ranks", ax=right) is right
""",
    "branch": 'thalweg.branch("book.zarr", 30, ["adam.schedule=cosine"])["adam"].loss.sizes["step"]',
    "merge": """
thalweg.run({**study, "root_seed": 0, "optimizers": ["rmsprop"], "claims": []}, "more.zarr")
thalweg.run({**study, "claims": []}, "plain.zarr")
sorted(thalweg.merge(["plain.zarr", "more.zarr"], "both.zarr").children)
""",
    "differ": 'thalweg.differ(tree, "sgd", "adam")',
    "own": """
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.base import Positive
from thalweg.specs.sweep import Swept

@thalweg.optimizer
class Signed(ElementwiseOptimizer):
    "x <- x - lr sign(g)."

    lr: Swept[Positive] = 0.01

    @staticmethod
    def update(x, g, lr):
        return x - lr * np.sign(g)

@thalweg.landscape(dim=2, grad=lambda x: 2 * x)
def bowl(x):
    return np.sum(x**2, axis=-1)

mine = thalweg.run({"name": "own", "landscape": "bowl", "init": "normal", "optimizers": ["signed", "adam"], "steps": 20}, "own.zarr")
print(mine.attrs["session_units"])
thalweg.compare(mine)
""",
    "error": """
try:
    thalweg.run({**study, "stepz": 3})
except thalweg.SpecError as error:
    print(error)
""",
}


def shown_by(folder):
    """What each cell has shown: type -> data, the last of each type."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.strip()) for text in CELLS.values()])
    try:
        NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    except CellExecutionError as error:
        pytest.fail(str(error))
    shown = {}
    for name, cell in zip(CELLS, book.cells, strict=True):
        own = shown[name] = {}
        for output in cell.outputs:
            own |= dict(output.get("data", {}))
            if output.output_type == "stream":
                own[output.name] = own.get(output.name, "") + output.text
    return shown


def a_plan_is_a_table(outputs):
    html = outputs["plan"]["text/html"]
    assert "<table>" in html
    assert "lr 5" in html


def a_run_has_bars_and_then_says_how_long_it_took(outputs):
    assert "book: 320 runs in" in outputs["run"]["text/html"]
    assert "stderr" not in outputs["run"]


def comparisons_and_verdicts_are_tables(outputs):
    assert "xarray.Dataset" in outputs["compare"]["text/html"]
    assert "<table>" in outputs["verify"]["text/html"]
    assert "passed" in outputs["verify"]["text/html"]
    assert "passed" in outputs["verify"]["text/plain"]


def pictures_show(outputs):
    assert len(outputs["plot"]["image/png"]) > 10_000
    assert outputs["svg"]["image/svg+xml"].lstrip().startswith("<?xml")
    assert len(outputs["axes"]["image/png"]) > 10_000


def a_study_prints_as_yaml(outputs):
    text = outputs["yaml"]["stdout"]
    assert text.startswith("name: book\n")
    assert "claims:" in text


def runs_are_continued_joined_and_told_apart(outputs):
    assert outputs["branch"]["text/plain"] == "4"
    assert outputs["merge"]["text/plain"] == "['adam', 'lion', 'rmsprop', 'sgd']"
    assert "step" in outputs["differ"]["text/plain"]


def a_class_and_a_function_of_the_notebook_run_and_are_noted(outputs):
    noted = outputs["own"]["stdout"]
    assert "class Signed(ElementwiseOptimizer)" in noted
    assert "def bowl(x)" in noted
    assert "xarray.Dataset" in outputs["own"]["text/html"]


def a_mistake_is_one_line(outputs):
    assert outputs["error"]["stdout"].startswith("study: stepz: unknown key 'stepz'; did you mean 'steps'?")


def test_a_notebook_shows_what_it_should(tmp_path):
    outputs = shown_by(tmp_path)
    for check in (
        a_plan_is_a_table,
        a_run_has_bars_and_then_says_how_long_it_took,
        comparisons_and_verdicts_are_tables,
        pictures_show,
        a_study_prints_as_yaml,
        runs_are_continued_joined_and_told_apart,
        a_class_and_a_function_of_the_notebook_run_and_are_noted,
        a_mistake_is_one_line,
    ):
        check(outputs)
