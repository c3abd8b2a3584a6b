"""Names in formulas and claims: as Python's parser reads them, and words of Python's among them."""

import json
import keyword

import numpy as np
import pytest
from thalweg.engine import run
from thalweg.specs.claim import names, parse_claim
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load_study, parse_study
from thalweg.specs.names import FREE, SYNTAX, normal, parse_expression


def study(value="k*(x - 1)**2", *, variables=("x",), parameters=None, **more):
    land = {
        "kind": "expression",
        "variables": list(variables),
        "value": value,
        "parameters": {"k": 2.0} if parameters is None else parameters,
    }
    extra = {name: more.pop(name) for name in ("observables", "define") if name in more}
    return {"name": "a", "landscape": {**land, **extra}, "optimizers": [{"kind": "sgd", "lr": 0.1}], "steps": 5, **more}


def at_zero(spec):
    land = load_study(spec).landscape
    value, gradient = land.value_and_grad(np.zeros((1, land.size)), {k: np.asarray(v) for k, v in land.parameters.items()}, np)
    return value.item(), gradient[0].tolist()


LETTERS = ["ϵ", "µ", "ϕ", "ϑ", "ℓ", "ϱ", "ϖ", "ℏ", "\u2126", "ſ", "𝛼", "ﬁt"]


@pytest.mark.parametrize("letter", LETTERS)
def test_letters_that_python_normalises_are_one_name_everywhere(letter):
    assert normal(letter) != letter
    for written, used in ((letter, letter), (letter, normal(letter)), (normal(letter), letter)):
        assert at_zero(study(f"{used}*(x - 1)**2", parameters={written: 2.0})) == (2, [-4])
        assert at_zero(study(f"2*({used} - 1)**2", variables=[written], parameters={})) == (2, [-4])
        assert at_zero(study(f"2*{used}", parameters={}, define={written: "(x - 1)**2"})) == (2, [-4])
        land = load_study(study("x**2", parameters={}, observables={written: "x"}, record={"variables": ["loss", used]})).landscape
        assert land.observable_names == (normal(letter),)


def test_the_store_has_the_normal_name_and_everything_finds_it():
    spec = study(
        "ϵ*(x - µ)**2",
        parameters={"ϵ": [1.0, 2.0], "µ": [3.0, 4.0]},
        zip=[["landscape.parameters.ϵ", "landscape.parameters.μ"]],
        observables={"ℓ": "ϵ*x"},
        claims=[{"name": "a", "measure": "final(ℓ)/ϵ", "less_than": "µ", "where": "ε == 2"}],
    )
    found = load_study(spec, ["landscape.parameters.ε=[5, 2]", "landscape.parameters.μ=[1, 1.5]"])
    assert dict(found.sweeps()["landscape.parameters.ε"].form) == {"values": [5.0, 2.0]}
    made = run(spec)["sgd"]
    assert "l" in made.data_vars
    assert any("ε" in name for name in made.coords)


def test_two_names_that_become_one_are_refused_in_one_line():
    for more in ({"parameters": {"ϵ": 1.0, "ε": 2.0}}, {"variables": ["ϕ", "φ"]}, {"observables": {"µ": "x", "μ": "x"}}):
        with pytest.raises(SpecError, match="are the same name") as caught:
            load_study(study("1.0", **more))
        assert len(caught.value.problems) == 1
    with pytest.raises(SpecError, match="used twice"):
        load_study(study("x*µ", variables=["x", "µ"], parameters={"μ": 1.0}))


@pytest.mark.parametrize("name", ["x₁", "x²", "²", "a-b"])
def test_what_python_does_not_take_for_a_name_is_refused(name):
    for spec in (study("x", parameters={name: 1.0}), study("x", observables={name: "x"})):
        with pytest.raises(SpecError, match="is not a name"):
            load_study(spec)


@pytest.mark.parametrize("word", sorted(FREE))
def test_words_of_python_can_be_names(word):
    assert at_zero(study(f"{word}*(x - 1)**2", parameters={word: 2.0})) == (2, [-4])
    assert at_zero(study(f"2*({word} -1)**2", variables=[word], parameters={})) == (2, [-4])
    assert at_zero(study(f"2*{word}", parameters={}, define={word: "(x-1)**2"})) == (2, [-4])
    assert names(parse_claim(f"final(loss)/{word} + landscape.{word}*adam.{word} > select(params, '{word} of x')")) >= {
        (word,),
        ("landscape", word),
        ("adam", word),
    }


@pytest.mark.parametrize("word", sorted(set(keyword.kwlist) & SYNTAX))
def test_words_that_formulas_need_are_refused_by_name(word):
    for spec in (
        study(parameters={"k": 1.0, word: 2.0}),
        study("1.0", variables=["x", word]),
        study(observables={word: "x"}),
        study(define={word: "x"}),
    ):
        with pytest.raises(SpecError, match=f"'{word}' cannot be a name") as caught:
            load_study(spec)
        assert len(caught.value.problems) == 1


def test_a_claim_may_name_lambda():
    claim = {"name": "a", "measure": "final(loss)*lambda", "less_than": "landscape.parameters.lambda", "where": "lambda == 2"}
    load_study(study("lambda*x**2", parameters={"lambda": [1.0, 2.0]}, claims=[claim]))


def test_quoted_text_and_numbers_are_left_alone():
    tree = parse_expression("f('lambda in class', 1.5e3, 0x1f, lambda)")
    assert [getattr(a, "value", getattr(a, "id", None)) for a in tree.args] == ["lambda in class", 1500.0, 31, "lambda"]


PLACES = {
    "value": ('value: "{}"', "landscape.value"),
    "observables": ('observables:\n    hill: "{}"\n  value: x', "landscape.observables.hill"),
    "define": ('define:\n    first: x**2\n    then: "{}"\n  value: x', "landscape.define.then"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrong", ["sinn(x)", "x +", "y*x", "x/0", "log(-1)", "x if x else 1", "9**9**9", "x" + "+x" * 4000])
def test_an_error_in_a_formula_points_at_its_line(place, wrong):
    text, path = PLACES[place]
    source = "name: a\nlandscape:\n  kind: expression\n  variables: [x]\n  " + text.format(wrong) + "\noptimizers: [sgd]\nsteps: 5\n"
    line = next(k for k, row in enumerate(source.splitlines(), 1) if wrong in row)
    with pytest.raises(SpecError) as caught:
        parse_study(source)
    (problem,) = caught.value.problems
    assert problem.startswith(f"study:{line}:")
    assert f" {path}: " in problem


@pytest.mark.parametrize("name", ["a b", "1x", "_x", "is", "sin", "i", "x"])
def test_an_error_in_a_name_points_at_its_line(name):
    land = f"landscape:\n  kind: expression\n  variables: [x]\n  parameters:\n    k: 1.0\n    {json.dumps(name)}: 2.0\n  value: k*x\n"
    with pytest.raises(SpecError) as caught:
        parse_study("name: a\n" + land + "optimizers: [sgd]\nsteps: 5\n")
    (problem,) = caught.value.problems
    assert problem.startswith("study:7:5: landscape.parameters.")


@pytest.mark.parametrize("word", ["lambda", "class", "from", "yield"])
def test_a_word_of_python_that_is_no_name_of_the_study_is_named(word):
    land = {"kind": "expression", "variables": ["x"], "value": f"{word}*x"}
    with pytest.raises(SpecError, match=rf"the name '{word}' is not defined \(known: x"):
        load_study({"name": "s", "landscape": land, "optimizers": ["sgd"], "steps": 1})
