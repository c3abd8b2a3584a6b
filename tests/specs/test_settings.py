"""What the command line's --set and odd study files hold: a study, or one line that says what is wrong; never a traceback, never a hang."""

import json
import time

import pytest
from helpers.repetitions import few
from thalweg.engine.cli import app
from thalweg.specs import plain
from thalweg.specs.errors import SpecError, ThalwegError
from thalweg.specs.load import load_study, parse_study
from thalweg.specs.plain import read_text
from typer.testing import CliRunner

BASE = {
    "name": "s",
    "landscape": {"kind": "expression", "variables": ["x"], "value": "k*x**2", "parameters": {"k": 2.0}},
    "optimizers": [{"kind": "sgd", "lr": 0.1}, {"kind": "adam", "label": "a", "schedule": "cosine"}, "sgd_momentum"][:2],
    "init": {"kind": "point", "at": [1.0]},
    "seeds": 2,
    "steps": 5,
}


def problem(*settings, data=BASE):
    with pytest.raises(SpecError) as caught:
        load_study(data, settings)
    (line,) = caught.value.problems
    assert "\n" not in line
    assert len(line) < 1500
    return line


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("=", "write KEY=VALUE"),
        ("", "write KEY=VALUE"),
        ("seeds", "write KEY=VALUE"),
        (".=1", "write KEY=VALUE"),
        ("a..b=1", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("a[0]=1", "there is no 'a[0]'"),
        ("optimizers[0].lr=1", "there is no 'optimizers[0]'; did you mean 'optimizers'?"),
        ("optimizers.\u00b2.lr=1", "there is no entry '\u00b2' in optimizers"),
        ("optimizers.\u00b2=1", "there is no entry '\u00b2' in optimizers"),
        ("optimizers.\u0663=1", "there is no entry '\u0663' in optimizers"),
        ("optimizers.-1.lr=1", "there is no entry '-1' in optimizers"),
        ("optimizers.2.lr=1", "there is no entry '2' in optimizers"),
        ("optimizers.1e0.lr=1", "there is no entry '1e0' in optimizers"),
        (f"optimizers.{'9' * 5000}.lr=1", "there is no entry '999"),
        ("optimizers.adm.lr=1", "there is no entry 'adm'"),
        ("seeds.x=1", "seeds: must be a whole number, given {'x': 1}"),
        ("init.at.0.x=1", "init.at.0 is a single value, it has no 'x'"),
        ("init.at.5=1", "there is no entry '5' in init.at"),
        ("init.at.a=1", "there is no entry 'a' in init.at"),
        ("lr=1", "there is no 'lr'; did you mean sgd.lr or a.lr?"),
        ("beta1=1", "there is no 'beta1'; did you mean a.beta1?"),
        ("k=1", "there is no 'k'; did you mean landscape.parameters.k?"),
        ("schedule.kind=wsd", "did you mean sgd.schedule.kind or a.schedule.kind?"),
        ("every=3", "there is no 'every'; did you mean record.every?"),
        ("loss_below=3", "did you mean stop.loss_below?"),
        ("sede=3", "there is no 'sede'; did you mean 'seeds'?"),
        ("x" * 100_000 + "=3", "there is no 'xxx"),
        ("steps=0x" + "f" * 4300, "a number of 4302 characters; at most 400 are allowed"),
        ("steps=0x" + "f" * 390, "steps: must be a smaller number, given a number of about 470 digits"),
        ("seeds=" + "9" * 399, "seeds: must be a smaller number"),
        ("seeds=" + "9" * 5000, "a number of 5000 characters"),
        ("root_seed=" + "9" * 30, "root_seed: must be less than 9223372036854775808"),
        ("a.lr=[0.1, " + "9" * 390 + "]", "optimizers[1].lr[1]: must be a smaller number"),
        ("steps=1e309", "steps: must be a finite number"),
        ("steps=!!python/object/apply:os.system [ls]", "the tag '!!python/object/apply:os.system' is not allowed"),
        ("steps=&a [*a]", "an alias that contains itself"),
        ("steps=*a", "nothing before is called '&a'"),
        ("steps={", "not valid YAML"),
        ("steps=1\n---\n2", "more than one document"),
        ("steps=" + "[" * 100, "nested too deeply"),
        ("steps=2024-01-01", "steps: must be a number, given '2024-01-01'"),
        ("steps=", "steps: must be a number, given null"),
        ("title=\x00", "special characters are not allowed"),
        ("name=" + "n" * 101, "name: must be text of at most 100 characters"),
        ("sgd.lrr=1", "--set sgd.lrr=1: optimizers[0].lrr: unknown key 'lrr'; did you mean 'lr'?"),
        ("zip=[[a.lr, 3]]", "zip[0][1]: must be text, given 3; put it in quotes"),
    ],
)
def test_a_wrong_setting_is_one_line(setting, words):
    line = problem(setting)
    assert words in line
    assert line.startswith("--set ")


@pytest.mark.parametrize("form", ["linspace", "logspace"])
@pytest.mark.parametrize("value", [10**400, float("inf"), float("nan"), -(10**400)])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_grids_of_numbers_that_are_none(form, value, position):
    given = [1, 2, 3]
    given[position] = value
    line = problem(data={**BASE, "optimizers": [{"kind": "sgd", "lr": {form: given}}]})
    assert line.startswith(f"study: optimizers[0].lr: {form} needs three finite numbers, given")


@pytest.mark.parametrize("given", [None, 5, [], (), b"s.yaml", object])
def test_what_is_no_study(given):
    assert problem(data=given).startswith("a study is a path, the name of a bundled one, a mapping or a Study, given")


def test_keys_that_are_no_words():
    assert problem(data={**BASE, 3: 4}).startswith("study: 3: unknown key '3'")
    assert problem(data={**BASE, "quick": {3: 4}}) == "study: quick[3]: cannot be a key here; keys are text"
    land = {"kind": "expression", "variables": ["x"], "value": "x**2", "parameters": {3: 1.0}}
    assert problem(data={**BASE, "landscape": land}) == "study: landscape.parameters[3]: cannot be a key here; keys are text"


def test_all_wrong_settings_are_told_at_once():
    with pytest.raises(SpecError) as caught:
        load_study(BASE, ["lr=1", "k=3", "seeds=4", "="])
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("optimizers", [5, "sgd", None, [], [3], [[1]], [{"label": [1], "kind": {}}], {"a": 1}])
@pytest.mark.parametrize("setting", ["seeds=3", "sgd.lr=1", "optimizers.0.lr=1", "optimizers.x.y.z=1", "optimizers.0=1"])
def test_settings_of_a_study_that_is_wrong_itself(optimizers, setting):
    with pytest.raises(SpecError):
        load_study({**BASE, "optimizers": optimizers}, [setting])


def test_settings_that_are_right():
    study = load_study(
        BASE, ["sgd.lr=[0.1, 0.2]", "a.schedule.kind=wsd", "landscape.parameters.k=3", "optimizers.1.beta1=0.5", "init.at.0=2"]
    )
    assert study.optimizers[0].lr.values == (0.1, 0.2)
    assert (study.optimizers[1].schedule.kind, study.optimizers[1].beta1) == ("wsd", 0.5)
    assert study.landscape.parameters["k"] == 3
    assert study.init.at == (2.0,)
    assert load_study(BASE, "seeds=7").seeds == 7


def test_settings_leave_the_given_data_alone():
    before = json.dumps(BASE)
    load_study(BASE, ["sgd.lr=0.5", "init.at.0=2", "landscape.parameters.k=9"])
    assert json.dumps(BASE) == before


def test_quick_is_applied_as_it_is_written():
    data = {**BASE, "quick": {"sgd.lr": [0.1, 0.2], "seeds": 3, "title": "a: b=c"}}
    study = load_study(data, quick=True)
    assert (study.seeds, study.optimizers[0].lr.values, study.title) == (3, (0.1, 0.2), "a: b=c")
    for quick in ({"lr": 1}, {"seeds": 10**5000}, {"a=b": 1}, {"": 1}, {"seeds.x": 2}):
        with pytest.raises(SpecError, match="study"):
            load_study({**BASE, "quick": quick}, quick=True)


TEXT = json.dumps(BASE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace('"steps": 5', '"steps": 0x' + "f" * 4300), "a number of 4302 characters"),
        (TEXT.replace("2.0", "9" * 5000), "a number of 5000 characters"),
        (TEXT.replace('"seeds": 2', '"seeds": 2, "seeds": 2'), "duplicate key 'seeds'"),
        (TEXT.replace('"seeds": 2', '"<<": 2'), "unknown key '<<'"),
        (TEXT.replace('"seeds": 2', "<<: 2"), "'<<' takes a mapping"),
        (TEXT.replace('"seeds": 2', "? [1]\n: 2"), "a key must be a word"),
        (TEXT.replace('"seeds": 2', "null: 2"), "the key null must be a word"),
        (TEXT.replace('"seeds": 2', "1.5: 2"), "the key 1.5 must be a word"),
        (TEXT.replace('"seeds": 2', "seeds: !!int two"), "'two' is not a valid int"),
        (TEXT.replace('"seeds": 2', "seeds: !!set {a}"), "the tag '!!set' is not allowed"),
        (TEXT.replace('"seeds": 2', "seeds: !own 3"), "the tag '!own' is not allowed"),
        (TEXT.replace('"seeds": 2', "seeds: *no"), "nothing before is called '&no'"),
        (TEXT.replace('"seeds": 2', f"seeds: {'[' * 70}"), "nested too deeply"),
        (TEXT.replace('"seeds": 2', f'"{"k" * 1_000}": 2'), "unknown key 'kkk"),
        ("x" * 1000, "this is a single value"),
        ("- a\n- b", "this is a list"),
        ("\n# only words\n", "the file is empty"),
        ("%YAML 9.9\n---\na: 1", "not valid YAML"),
    ],
)
def test_odd_study_files_are_one_line(text, words):
    with pytest.raises(SpecError) as caught:
        parse_study(text, "s.yaml")
    assert any(words in line for line in caught.value.problems), caught.value.problems
    assert all(line.startswith("s.yaml") and "\n" not in line and len(line) < 1500 for line in caught.value.problems)


def test_aliases_and_merged_mappings_are_values_of_their_own():
    source = read_text("a: &x {b: 1, c: [2]}\nd: {<<: *x, b: 3}\ne: *x\nf: {<<: [{b: 9}, *x]}\n", "s")
    assert source.data == {"a": {"b": 1, "c": [2]}, "d": {"b": 3, "c": [2]}, "e": {"b": 1, "c": [2]}, "f": {"b": 9, "c": [2]}}
    source.data["e"]["c"].append(3)
    assert source.data["a"]["c"] == source.data["d"]["c"] == [2]


@pytest.mark.full
@pytest.mark.parametrize("most", few([20_000, plain.MAX_NODES], keep=[20_000]))
def test_long_study_files_take_time_in_proportion(monkeypatch, most):
    """The study's own values too, though as many as are allowed take a quarter of a minute."""
    monkeypatch.setattr(plain, "MAX_NODES", most)
    began = time.process_time()
    assert parse_study("#\n" * 900_000 + TEXT).name == "s"
    assert parse_study(TEXT + "\n#" * 900_000).name == "s"
    with pytest.raises(SpecError, match=f"more than {most} values"):
        read_text("[" + "1," * (most + 50_000) + "1]", "s")
    with pytest.raises(SpecError, match="alias bomb"):
        read_text(
            "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(f"a{k + 1}: &a{k + 1} [{', '.join([f'*a{k}'] * 8)}]\n" for k in range(9)), "s"
        )
    assert time.process_time() - began < 120


def test_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(TEXT)
    for arguments in (["check", "s.yaml", "--set", "lr=1"], ["run", "s.yaml", "--set", "optimizers.\u00b2=1"], ["check", "x" * 5000]):
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, ThalwegError)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.yaml"]
