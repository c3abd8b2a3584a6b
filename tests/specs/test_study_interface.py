"""Studies made in Python: classes of one's own, and writing a study as YAML."""

import sys
from typing import Literal

import numpy as np
import pytest
from helpers.repetitions import few
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from thalweg import engine
from thalweg.engine.progress import Progress
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.optimizers.sgd import SGD as Sgd
from thalweg.specs.base import NonNegative
from thalweg.specs.errors import SpecError
from thalweg.specs.init import Init
from thalweg.specs.landscapes.base import FormulaLandscape
from thalweg.specs.load import gallery, load, load_study, parse_study
from thalweg.specs.schedule import Constant
from thalweg.specs.stages import Stages
from thalweg.specs.study import Study
from thalweg.specs.sweep import Swept


class Halving(ElementwiseOptimizer):
    """x <- x - lr g / 2."""

    kind: Literal["halving"] = "halving"
    lr: Swept[NonNegative] = 0.1

    @staticmethod
    def update(x, g, lr):
        return (x - lr * g / 2,)


class HalfSgd(Sgd):
    """SGD at half the rate, under SGD's own kind."""

    @staticmethod
    def update(x, g, m, t, lr, momentum, dampening, weight_decay, nesterov):
        return x - lr * g / 2, m


class HalfSchedule(Constant):
    """c = 1/2, under the kind of the constant schedule."""

    def after(self, t, warm, steps, p):
        return 0.5 * np.ones_like(t + warm)


class Bowl(FormulaLandscape):
    """k/2 |x|^2."""

    kind: Literal["bowl"] = "bowl"
    dim: int = 2
    k: Swept[NonNegative] = 1.0
    formula = "sum(k/2*x[i]**2)"


PARTS = {"name": "own", "landscape": Bowl(dim=3), "init": {"kind": "point", "at": [1.0, 2.0, 4.0]}, "steps": 2}


@pytest.mark.parametrize(
    "optimizer", [Halving(lr=0.5), HalfSgd(lr=0.5), Sgd(lr=0.5, schedule=HalfSchedule())], ids=["own kind", "sgd's kind", "schedule"]
)
@pytest.mark.parametrize("settings", [(), ("seeds=2",), ("landscape.k=1.0",)])
@pytest.mark.parametrize("form", [dict, lambda parts: Study(**parts), Study.model_validate], ids=["dict", "Study", "validated"])
def test_classes_of_one_s_own_work_in_a_dict_and_in_a_study(optimizer, settings, form):
    tree = engine.run(form({**PARTS, "optimizers": [optimizer]}), settings=settings)
    (name,) = tree.children
    assert tree[name].params.isel(seed=0, step=-1).values.tolist() == [0.5625 * v for v in (1.0, 2.0, 4.0)]  # (1 - 0.25)^2


def test_settings_of_classes_of_one_s_own():
    study = Study(**PARTS, optimizers=[Halving(lr=0.5), Sgd()])
    changed = load_study(study, ["halving.lr=[0.1, 0.2]", "landscape.k=3", "sgd.kind=adam"])
    assert isinstance(changed.optimizers[0], Halving)
    assert changed.optimizers[0].lr.values == (0.1, 0.2)
    assert isinstance(changed.landscape, Bowl)
    assert (changed.landscape.k, changed.landscape.dim) == (3, 3)
    assert changed.optimizers[1].kind == "adam"
    assert load_study(study) is study
    with pytest.raises(SpecError) as caught:
        load_study(study, ["halving.lr=a tenth", "landscape.q=1", "seeds=-1"])
    told = "\n".join(caught.value.problems)
    assert "--set halving.lr=a tenth: optimizers[0].lr: must be a number or a formula (invalid syntax), given 'a tenth'" in told
    assert "landscape.q: unknown key 'q'" in told
    assert "seeds: must be greater" in told


def test_a_class_that_is_no_part_is_refused_in_one_line():
    for part, value in (("landscape", object()), ("optimizers", [object()]), ("init", Init), ("landscape", Sgd), ("optimizers", [3])):
        data = {**PARTS, "optimizers": ["sgd"], part: value}
        with pytest.raises(SpecError) as caught:
            load_study(data)
        assert all("\n" not in line and part in line for line in caught.value.problems)


# --- YAML


SINGLE = [name for name in gallery() if not isinstance(load(name), Stages)]


@pytest.mark.parametrize("name", few(SINGLE, keep=SINGLE[::10]))
def test_every_bundled_study_is_the_same_after_writing_and_reading(name):
    study = load_study(name)
    text = study.to_yaml()
    assert parse_study(text) == study
    assert parse_study(parse_study(text).to_yaml()) == study
    assert parse_study(text).to_yaml() == text
    again = Study.model_validate(study.model_dump(mode="json"))
    assert parse_study(again.to_yaml()) == study


@hypothesis_settings(max_examples=50, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
    st.floats(0, 1e300),
    st.lists(st.floats(0, 1e300), min_size=1, max_size=4, unique=True),
    st.sampled_from(
        ["1e3", "yes", "null", "~", "0x10", "2024-01-01", "- a", "a: b", "#", "'", '"', " x ", "a\n  b\n", "&a", "*a", "!x", "<<", "="]
    ),
)
def test_any_text_and_numbers_survive(title, lr, values, odd):
    data = {"name": "s", "landscape": "himmelblau", "steps": 3, "title": title, "description": odd, "quick": {odd: title}}
    study = load_study({**data, "optimizers": [{"kind": "sgd", "lr": lr}, {"kind": "adam", "lr": values, "label": "b"}]})
    again = parse_study(study.to_yaml())
    assert again == study
    assert again.optimizers[0].lr == study.optimizers[0].lr


def test_defaults_are_not_written_unless_they_say_something():
    study = load_study(
        {
            "name": "s",
            "landscape": "matrix_quadratic",
            "optimizers": [{"kind": "muon", "preset": "torch", "lr": 0.02}],
            "steps": 3,
            "seeds": 1,
        }
    )
    text = study.to_yaml()
    assert parse_study(text).optimizers[0].lr == 0.02
    assert "seeds" not in text
    stop = load_study({**PARTS, "landscape": "himmelblau", "init": None, "optimizers": ["sgd"], "stop": {"diverge_above": None}}).to_yaml()
    assert "diverge_above: null" in stop
    assert parse_study(stop).stop.diverge_above is None


# --- progress


class Terminal:
    """A standard error that says it is a terminal."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def isatty(self):
        return True

    def flush(self):
        pass


@pytest.mark.parametrize("settings", [(), ("seeds=3",)])
def test_progress_true_shows_what_the_command_line_shows(monkeypatch, settings):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    tree = engine.run({"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 2000}, settings=settings, progress=True)
    assert "sgd" in sys.stderr.text
    assert tree["sgd"].sizes["seed"] == 3 if settings else 1
    sys.stderr.text = ""
    for value in (False, None, Progress()):
        engine.run({"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 20}, progress=value)
    assert sys.stderr.text == ""


@pytest.mark.parametrize("value", ["yes", 1, Progress, [], 0])
def test_progress_of_another_kind_is_one_line(value):
    with pytest.raises(SpecError, match=r"^progress: takes True, False or a thalweg\.engine\.progress\.Progress, given"):
        engine.run({"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 2}, progress=value)


def test_a_study_made_in_python_is_told_what_is_wrong_as_a_file_is():
    wrong = {"name": "s", "landscape": "himmelblau", "optimizers": [{"kind": "sgd", "lr": "a"}], "steps": 0}
    with pytest.raises(SpecError) as of_a_file:
        load_study(dict(wrong))
    for make in (lambda: Study(**wrong), lambda: Study.model_validate(wrong)):
        with pytest.raises(SpecError) as error:
            make()
        assert error.value.problems == of_a_file.value.problems


def test_a_study_does_not_change():
    study = load_study({"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 1})
    for part, name in ((study, "steps"), (study.landscape, "kind"), (study.optimizers[0], "lr")):
        with pytest.raises(AttributeError, match=rf"^{name}: parts of a study cannot be changed"):
            setattr(part, name, 5)


@pytest.mark.parametrize("text", ["?0", "?", "-", "-1e", ":", ":a", "- x", "? a"])
def test_text_that_begins_with_a_sign_of_yaml_survives_in_a_list_in_one_line(text):
    study = load_study({"name": "s", "title": text, "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 1, "quick": {"seeds": text}})
    assert parse_study(study.to_yaml()) == study
