"""Text from studies and stores is shown as text: in the terminal, piped or not, in HTML, LaTeX, CSV, Markdown and JSON."""

import csv
import io
import json
import re
import sys
import unicodedata

import numpy as np
import pytest
import thalweg
import xarray
from thalweg.engine import cli
from thalweg.engine.commands.differ import table as differ_table
from thalweg.engine.comparison import compare, save, table
from thalweg.engine.comparison.entries import entries
from thalweg.engine.text.escape import for_csv, for_latex, for_markdown
from thalweg.engine.text.tables import console
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.text import UNSEEN, printable

ESCAPES = (
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\ \x07\x9b1m \u202eesrever\u202c zero\u200bwidth \ufeff\u2028"
)
MARKUP = "[b=1] [/b] [link=http://evil.example]here[/link] :smile: <img src=x onerror=alert(1)> $x_1$ 50 % & # { } ~ ^ \\ | `tick`"
VERBATIM = ("[b=1] [/b] [link=http://evil.example]here[/link] :smile:", "\\x1b[31mred\\x1b[0m", "\\u202eesrever\\u202c", "zero\\u200bwidth")
STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""What Rich writes itself: colours and weights."""


def quoted(text):
    return json.dumps(text, ensure_ascii=True)


STUDY = f"""
name: hostile
title: {quoted(MARKUP + " " + ESCAPES)}
description: {quoted("=1+1 " + ESCAPES)}
source: {quoted(MARKUP + ESCAPES)}
landscape:
  kind: expression
  variables: [x, y]
  parameters: {{b: [1.0, 2.0]}}
  value: "b*x**2 + y**2"
  observables: {{height: "x + y"}}
init: {{kind: point, at: [1.0, 2.0]}}
noise: {{kind: gaussian, scale: 0.1}}
seeds: 6
steps: 10
record: {{every: 1}}
optimizers: [{{kind: sgd, label: "15-x+", lr: [0.1, 0.2]}}, {{kind: adam, lr: [0.1, 0.2]}}]
claims:
- {{name: {quoted("holds " + MARKUP + " " + ESCAPES)}, measure: "mean(final(loss), 'seed')", less_than: 100, source: {quoted(ESCAPES)}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("hostile")
    (made / "hostile.yaml").write_text(STUDY, encoding="utf-8")
    thalweg.run(made / "hostile.yaml", made / "hostile.zarr", executor="array")
    return made


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Runs a command of the command line as `thalweg` does; returns (exit code, what it printed)."""

    def command(*words, terminal=False, width=200):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("FORCE_COLOR" if terminal else "NO_COLOR", "1")
        monkeypatch.setattr(sys, "argv", ["thalweg", *words])
        with pytest.raises(SystemExit) as ended:
            cli.answer()
        shown = capsys.readouterr()
        return ended.value.code, shown.out + shown.err

    return command


def harmless(shown):
    """Nothing acts on the terminal but styles."""
    bare = STYLE.sub("", shown)
    bad = {c for c in bare if unicodedata.category(c) in UNSEEN and c != "\n"}
    return not bad, bad


COMMANDS = [
    (["check", "hostile.yaml"], VERBATIM),
    (["check", "hostile.zarr"], ()),
    (["verify", "hostile.yaml", "--report", "page.md"], VERBATIM),
    (["verify", "hostile.zarr"], VERBATIM),
    (["compare", "hostile.zarr"], ("15-x+", "lr=0.")),
    (["compare", "hostile.zarr", "--view", "pairs"], ("15-x+",)),
    (["compare", "hostile.zarr", "--view", "sensitivity"], ("15-x+",)),
    (["compare", "hostile.zarr", "--format", "csv"], ("15-x+",)),
    (["compare", "hostile.zarr", "--format", "latex"], ("15-x+",)),
    (["compare", "hostile.zarr", "--format", "json"], ("15-x+",)),
    (["differ", "hostile.zarr", "15-x+", "adam"], ()),
    (["plot", "hostile.zarr", "loss", "--out", "x.png"], ("drew x.png",)),
    (["report", "hostile.zarr", "--out", "x.html"], ("wrote x.html",)),
    (["run", "hostile.yaml", "--out", "again.zarr", "--overwrite"], ("stored again.zarr",)),
    (["list", "studies"], ()),
]


@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "terminal"])
@pytest.mark.parametrize(("words", "there"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_no_command_lets_a_study_write_to_the_terminal(run, words, there, terminal):
    words = words if words[0] != "differ" else [words[0], words[1], "--", *words[2:]]
    code, shown = run(*words, terminal=terminal, width=400)
    assert code == 0, shown
    if terminal and words[0] == "run":  # the bars of its progress move the cursor
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown)
    assert harmless(shown) == (True, set())
    flat = " ".join(STYLE.sub("", shown).split())
    for text in there:
        assert text in flat


WRONG = [
    (f"name: a\nlandscape: himmelblau\noptimizers: [sgd]\n{quoted(ESCAPES)}: 1\n", "red"),
    (f"name: {quoted(ESCAPES)}\nlandscape: himmelblau\noptimizers: [sgd]\n", "red"),
    (f"name: a\nlandscape: {quoted('[b]' + ESCAPES)}\noptimizers: [sgd]\n", "[b]"),
    (f"name: a\nlandscape: himmelblau\noptimizers: [{{kind: sgd, label: {quoted(ESCAPES)}}}]\n", "red"),
    (f"name: a\nlandscape: {{kind: expression, variables: [x], value: {quoted('x + ' + ESCAPES)}}}\noptimizers: [sgd]\n", ""),
    ("name: a\x1b[31m\nlandscape: himmelblau\noptimizers: [sgd]\n", ""),
]


@pytest.mark.parametrize(("text", "there"), WRONG)
def test_error_messages_cannot_either(run, folder, text, there):
    (folder / "wrong.yaml").write_text(text, encoding="utf-8")
    code, shown = run("check", "wrong.yaml")
    assert code == 2
    assert harmless(shown) == (True, set())
    assert there in shown
    assert all(line.startswith("error: ") for line in shown.splitlines())


@pytest.mark.parametrize(
    "words", [["check"], ["compare"], ["plot"], ["report"], ["run"], ["list"], ["differ", "hostile.zarr", "adam"], ["cache"]]
)
def test_words_of_the_command_line_cannot_either(run, words):
    code, shown = run(*words, f"no{ESCAPES}[/b]")
    assert code == 2
    assert harmless(shown) == (True, set())
    assert "[/b]" in shown


def test_errors_are_safe_to_print_for_callers_too():
    assert str(SpecError(f"a {ESCAPES}")) == f"a {printable(ESCAPES)}"
    assert str(StoreError("one\ntwo\x1b")) == "one\ntwo\\x1b"
    assert SpecError(["one", "two"]).problems == ("one", "two")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain text, µ ∇ 漢字 é", "plain text, µ ∇ 漢字 é"),
        ("a\tb\nc", "a b c"),
        ("\r", "\\r"),
        ("\x00\x7f\x85", "\\x00\\x7f\\x85"),
        ("\u2066\u2069\u200e\u00ad", "\\u2066\\u2069\\u200e\\xad"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        (1.5, "1.5"),
    ],
)
def test_what_cannot_be_seen_is_written_out(given, shown):
    assert printable(given) == shown


NAMES = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-2.5",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "[b=1]",
    "* a",
    "sgd_& % $ # {x} ~ ^ \\",
    'quo"te, comma',
    "\x1b[31mred",
]


def renamed():
    """Stores whose groups have names that no study could give."""
    made = {"name": "s", "landscape": "quadratic", "init": {"kind": "point", "at": 3.0}, "seeds": 2, "steps": 4}
    tree = thalweg.run({**made, "optimizers": [{"kind": "sgd", "lr": -0.0 + 0.1}]})
    data = tree["sgd"].to_dataset()
    data["loss"] = -data["loss"]  # negative numbers stay numbers
    found = xarray.DataTree.from_dict({f"g{k}": data for k in range(len(NAMES))})
    found.attrs = {**tree.attrs}
    return found


@pytest.fixture
def results(monkeypatch):
    from thalweg.engine.results import groups

    whole = groups.groups
    monkeypatch.setattr("thalweg.engine.comparison.entries.groups", lambda tree: dict(zip(NAMES, whole(tree).values(), strict=True)))
    return renamed()


def test_csv_has_no_formulas_and_its_numbers_are_numbers(results):
    read = list(csv.DictReader(io.StringIO(save(compare(results), "csv"))))
    assert sorted(row["optimizer"] for row in read) == sorted(for_csv(name) for name in NAMES)
    for row in read:
        assert not row["optimizer"].lstrip().startswith(("=", "+", "-", "@"))
        assert float(row["median"]) < 0
    assert "\x1b" not in save(compare(results), "csv")


def test_latex_sets_names_as_they_are(results):
    text = save(compare(results), "latex")
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    rows = [row.strip() for row in body.split(r"\\" + "\n") if row.strip()]
    assert len(rows) == len(NAMES)
    for row in rows:
        bare = re.sub(r"\\([&%$#_{}])", "", row)
        assert not row.startswith(("[", "*"))  # LaTeX would take it for an option of the row before
        assert bare.count("&") == text.split(r"\toprule")[1].split(r"\midrule")[0].count("&")
        assert not set(bare) & set("%#~^")
    assert for_latex("[b=1] ^ ~ \\ |") == r"{[}b=1{]} \textasciicircum{} \textasciitilde{} \textbackslash{} \textbar{}"


def test_json_is_strict_and_has_the_names_whole(results):
    found = json.loads(save(compare(results), "json"), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert sorted(row["optimizer"] for row in found["rows"]) == sorted(NAMES)
    assert "\x1b" not in save(compare(results), "json")


def test_a_table_shows_names_verbatim(results):
    shown = io.StringIO()
    console(file=shown, width=250).print(table(compare(results)))
    for name in NAMES:
        assert " ".join(printable(name).split()) in " ".join(shown.getvalue().split())
    assert "\x1b" not in shown.getvalue()
    assert len(entries([results])) == len(NAMES)


def test_differ_shows_names_verbatim():
    made = xarray.Dataset(
        {name: ("variable", np.array([value])) for name, value in (("step", 3), ("size", 0.5), ("final", 1.0))},
        coords={"variable": ["[/b]\x1b"]},
        attrs={"first": "[b]", "second": "[/b]", "rtol": 1e-6},
    )
    shown = io.StringIO()
    console(file=shown, width=200).print(differ_table(made))
    assert "[/b]\\x1b" in shown.getvalue()
    assert "[b] against [/b]" in shown.getvalue()


def test_markdown_shows_text_as_it_is():
    shown = for_markdown(MARKUP)
    assert not re.findall(r"(?<!\\)[|\[\]`*_]|<", shown)
    plain = re.sub(r"\\(.)", r"\1", shown).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain == MARKUP


def test_the_page_has_no_hidden_text_and_no_markup(run, folder):
    run("report", "hostile.zarr", "--out", "page.html")
    text = (folder / "page.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    assert "<img" not in found[1]
    data = json.loads(found[1])
    del data["yaml"]  # it is to be saved as it is; its escapes are YAML's own
    assert harmless(json.dumps(data, ensure_ascii=False))[0]
    assert "\x1b" not in json.dumps(data, ensure_ascii=False)
    assert data["title"].startswith(MARKUP)
    head = re.search("<title>(.*?)</title>", text)
    assert head
    assert "&lt;img src=x onerror=alert(1)&gt;" in head[1]
