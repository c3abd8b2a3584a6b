"""Tables on the terminal at any width: every number is whole, and what is left out is said."""

import io
import re

import pytest
import thalweg
from rich.cells import cell_len
from thalweg.engine.cli import app
from thalweg.engine.comparison import VIEWS, compare, table
from thalweg.engine.comparison.render import columns
from thalweg.engine.text.tables import Column, Table, console
from typer.testing import CliRunner

WIDTHS = (40, 60, 80, 110, 200)


@pytest.fixture(scope="module")
def results():
    study = {
        "name": "wide",
        "landscape": {"kind": "rosenbrock", "b": [1.0, 100.0]},
        "noise": {"kind": "gaussian", "scale": 0.3},
        "optimizers": [
            {"kind": "sgd", "label": "a_label_that_is_longer_than_twenty_letters_0123456789", "lr": {"logspace": [1e-4, 0.1, 6]}},
            {"kind": "adam", "lr": {"logspace": [1e-3, 1.0, 6]}, "beta1": [0.5, 0.9]},
            {"kind": "rmsprop", "lr": [0.01, 0.001]},
        ],
        "seeds": 48,
        "steps": 60,
        "record": {"every": 10},
    }
    return thalweg.run(study, executor="array")


def lines(made, width):
    shown = io.StringIO()
    console(file=shown, width=width).print(made)
    return shown.getvalue().splitlines()


def cells_of(made, width):
    """The words of a table's rows: of what is printed, all that is not its note."""
    note = [line for line in lines(Table([], note=made.note), width) if line.strip()]
    shown = lines(made, width)
    left = next((k for k, line in enumerate(shown) if line.startswith("left out")), len(shown))
    return " ".join(shown[: left - len(note)]).split(), " ".join(" ".join(shown[left:]).split())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", VIEWS.kinds())
def test_every_number_is_a_whole_cell(results, view, width):
    made = table(compare(results, view=view))
    shown, left = cells_of(made, width)
    assert all(cell_len(line) <= width for line in lines(made, width))
    whole = {word for column in made.columns for text in [column.title, *column.cells] for word in text.split()}
    names = "".join(text for column in made.columns if column.name for text in column.cells)
    for word in shown:
        assert word in whole or word in names, word
    found = re.search("room: (.*?);", left)
    gone = found[1].split(", ") if found else []
    for column in made.columns:
        if column.title not in gone and not column.name:
            assert all(word in shown for text in column.cells for word in text.split())
    assert columns(compare(results, view=view)) == made.columns


def test_what_is_left_out_is_named_with_the_way_to_see_it(results):
    made = table(compare(results))
    _, left = cells_of(made, 80)
    flat = " ".join(" ".join(lines(made, 80)).split())
    assert "left out for want of room: 25 %, 75 %, runs" in flat
    assert "--format csv" in left
    assert "left out" not in " ".join(lines(made, 200))


def test_288_runs_stay_288():
    found = [Column("optimizer", ["sgd"], name=True), Column("best at", ["lr=0.1, momentum=0.9"], text=True), Column("runs", ["288"])]
    for width in range(1, 60):
        shown = " ".join(lines(Table(found), width)).split()
        assert ("288" in shown) == ("runs" in shown and "out" not in shown)
        assert not {"28", "2", "88", "8"} & {*shown}
        assert not re.search(r"lr=0(?!\.1)|momentum=0(?!\.9)", " ".join(shown))


def test_minor_columns_go_first_and_the_first_stays():
    found = [Column("name", ["a"], name=True), Column("one", ["1"], minor=True), Column("two", ["2"]), Column("three", ["3"], minor=True)]
    assert " ".join(lines(Table(found), 13)[0].split()) == "name two"
    assert lines(Table(found), 8)[0].split() == ["name"]
    assert lines(Table(found), 30)[0].split() == ["name", "one", "two", "three"]


def test_wide_characters_count_as_two():
    found = [Column("name", ["漢字漢字"], name=True), Column("loss", ["0.125"])]
    assert all(cell_len(line) <= 15 for line in lines(Table(found), 15))
    assert "0.125" in " ".join(lines(Table(found), 15)).split()


@pytest.mark.parametrize("width", WIDTHS)
def test_check_verify_list_and_differ_break_no_number(tmp_path, monkeypatch, width):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(width))
    text = """
name: numbers
title: Numbers that must stay whole
landscape: quadratic
init: {kind: point, at: 3.0}
noise: {kind: gaussian, scale: 0.5}
optimizers: [{kind: sgd, lr: [0.0123456, 0.0654321]}, {kind: adam, lr: [0.0123456, 0.0654321]}]
seeds: 288
steps: 1234
record: {last: true}
claims:
- {name: it falls, measure: "mean(final(loss), 'seed')", less_than: 4321.5}
"""
    (tmp_path / "numbers.yaml").write_text(text)
    runner, shown = CliRunner(), {}
    commands = {
        "check": ["check", "numbers.yaml"],
        "verify": ["verify", "numbers.yaml", "--out", ".", "--overwrite"],
        "whole": ["check", "numbers.zarr"],
        "differ": ["differ", "numbers.zarr", "sgd", "adam"],
        "list": ["list", "optimizers"],
    }
    for name, words in commands.items():
        done = runner.invoke(app, words)
        assert done.exit_code == 0, done.output
        shown[name] = done.output
        for line in done.output.splitlines():
            assert line.startswith(("next:", "complete and undamaged;")) or " passed, " in line or cell_len(line.rstrip()) <= width
    assert {"288", "576", "1,152", "1,234", "1,421,568"} <= {word.strip(",") for word in shown["check"].split()}
    assert "passed" in shown["verify"].split()
    assert ("4321.5" in shown["verify"].split()) != ("room: expected" in shown["verify"])
    assert "1,234" in shown["differ"].split()


def test_a_pipe_gets_every_column(results, tmp_path):
    thalweg.run({"name": "p", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 3}, tmp_path / "p.zarr")
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "p.zarr")], env={"COLUMNS": None})
    assert "left out" not in done.output
    assert "75 %" in done.output
