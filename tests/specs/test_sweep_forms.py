"""The forms of a sweep: their values, and everything that can be wrong with them."""

import numpy as np
import pytest
from pydantic_core import PydanticCustomError
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load_study
from thalweg.specs.study import Study
from thalweg.specs.sweep_forms import FORMS, expand


def study(lr, **more):
    return load_study({"name": "forms", "landscape": "himmelblau", "optimizers": [{"kind": "sgd", "lr": lr}], "steps": 3, **more})


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ([1, 10, 3], [1, 4, 7]),
        ([0, 1, 0.25], [0, 0.25, 0.5, 0.75]),
        ([0.1, 0.4, 0.1], [0.1, 0.2, 0.3]),
        ([2, 5], [2, 3, 4]),
        ([3, 0, -1], [3, 2, 1]),
    ],
)
def test_arange_is_numpys_without_its_rounding(given, values):
    made = expand("arange", given)
    assert made == values
    if all(isinstance(v, int) for v in given):
        assert made == np.arange(*given).tolist()
        assert all(isinstance(v, int) for v in made)


def test_random_draws_lie_between_their_ends_and_are_those_of_their_seed():
    many = np.array(expand("loguniform", [1e-4, 1.0, 4000]))
    assert 1e-4 <= many.min() < many.max() <= 1.0
    assert np.all(np.diff(many) >= 0)
    share = np.mean(many < 1e-2)  # half of the decades
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(4000)
    even = np.array(expand("uniform", [-2.0, 6.0, 4000]))
    assert abs(even.mean() - 2.0) < 4 * 8 / np.sqrt(12 * 4000)
    assert expand("uniform", [0, 1, 5]) == expand("uniform", [0, 1, 5, 0])
    assert expand("uniform", [0, 1, 5, 1]) != expand("uniform", [0, 1, 5, 2])
    assert expand("uniform", [0.0, 1.0, 2, 7]) == pytest.approx([0.15084917392450192, 0.32383276483316237], rel=1e-15)  # random.Random(7)


def test_python_may_give_ranges_and_arrays():
    assert study(np.array([0.1, 0.2])).optimizers[0].lr.values == (0.1, 0.2)
    assert study(np.float64(0.1)).optimizers[0].lr == 0.1
    assert study([np.float32(0.5), np.int64(1)]).optimizers[0].lr.values == (0.5, 1.0)
    assert study({"values": np.linspace(0.1, 0.3, 3)}).optimizers[0].lr.values[0] == 0.1
    land = {"kind": "rastrigin", "dim": range(2, 5)}
    assert study(0.1, landscape=land).landscape.dim.values == (2, 3, 4)
    assert study(0.1, landscape={"kind": "rastrigin", "dim": np.arange(2, 4)}).landscape.dim.values == (2, 3)
    assert study(0.1, landscape={"kind": "rastrigin", "dim": {"arange": [2, 8, 3]}}).landscape.dim.values == (2, 5)


@pytest.mark.parametrize("form", ["arange", "uniform", "loguniform"])
def test_a_form_is_written_as_it_was_given(form):
    given = {form: [0.1, 0.9, 0.2] if form == "arange" else [0.1, 0.9, 3, 5]}
    made = study(given)
    assert made.to_yaml().replace(" ", "").count(f"{form}:[0.1,0.9") == 1
    assert Study.model_validate(made.model_dump(mode="json")) == made


WRONG = {
    "arange": [
        ([1], "takes"),
        ([1, 2, 3, 4], "takes"),
        ([0, 1, 0], "gives 0 values"),
        ([1, 0, 1], "gives 0 values"),
        ([0, 1, 1e-9], "gives 1000000000 values"),
        ([0, float("inf")], "finite"),
        ([0, "5"], "finite numbers"),
        ([True, 3], "finite numbers"),
    ],
    "uniform": [
        ([0, 1], "takes"),
        ([0, 1, 2.5], "'how many' must be a whole number"),
        ([0, 1, 0], "from 1 to"),
        ([0, 1, 10**7], "from 1 to"),
        ([1, 1, 3], "low end below the high one"),
        ([0, 1, 3, -1], "seed must be"),
        ([0, 1, 3, 0.5], "seed must be"),
    ],
    "loguniform": [([0, 1, 3], "two positive ends"), ([-1, 1, 3], "two positive ends"), ([float("nan"), 1, 3], "finite")],
}


@pytest.mark.parametrize(("form", "given", "words"), [(form, *one) for form, cases in WRONG.items() for one in cases])
def test_a_wrong_form_is_refused_in_words(form, given, words):
    with pytest.raises(PydanticCustomError, match=words):
        expand(form, given)
    with pytest.raises(SpecError, match=r"optimizers.*lr"):
        study({form: given})


def test_every_form_is_in_the_schema():
    text = str(Study.model_json_schema())
    assert all(f"'{form}'" in text for form in FORMS)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grid": [0.1, 0.2]}, r"there is no form of a sweep 'grid' \(write a list such as \[1, 2, 4\]"),
        ({"logspce": [0.1, 1, 3]}, "there is no form of a sweep 'logspce'; did you mean 'logspace'"),
        ({"from": 0.1, "to": 1}, "is not a sweep"),
        ({}, "is not a sweep"),
    ],
)
def test_a_mapping_that_is_no_form_is_refused_with_the_forms(given, words):
    with pytest.raises(SpecError, match=rf"optimizers.*lr.*{words}.*loguniform"):
        study(given)
