"""The formulas of the units as mathematics on the site: docs/generate/mathematics.py."""

import importlib
import re
import sys
import textwrap
from pathlib import Path

import pytest
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS

sys.path.insert(0, str(Path(__file__).parent.parent / "docs"))
try:
    mathematics, text = (importlib.import_module(f"generate.{name}") for name in ("mathematics", "text"))
finally:
    sys.path.pop(0)

TYPED = {
    "k/2 (y - a sin(b x))^2": r"\frac{k}{2} (y - a \sin(b x))^{2}",
    "x_i / sum_j w_j x_j": r"\frac{x_{i}}{\sum_{j} w_{j} x_{j}}",
    "a / (b + c) d": r"\frac{a}{b + c} d",
    "|x - y|^2": r"\lvert x - y \rvert^{2}",
    "<S, x^(k)>": r"\langle S ,\; x^{(k)} \rangle",
    "A^-1 B^T C^(1/2)": r"A^{-1} B^{\top} C^{1/2}",
    "m^ + P~ x^2": r"\hat{m} + \tilde{P} x^{2}",
    "beta1 m": r"\beta_1 m",
    "sqrt(lr) g": r"\sqrt{\mathrm{lr}}\,g",
    "x ~ N(0, I)": r"x \sim N(0 , I)",
    "a <= b if c": r"a \le b\text{ if } c",
}


@pytest.mark.parametrize(("typed", "shown"), TYPED.items())
def test_what_is_typed_is_shown(typed, shown):
    assert re.sub(r"\s+", " ", mathematics.latex(typed)) == shown


def test_several_equations_are_aligned():
    made = mathematics.equations("m <- b m; x <- x - m")
    assert made.splitlines() == [r"\begin{aligned}", r"m &\leftarrow b m \\", r"x &\leftarrow x - m", r"\end{aligned}"]


def test_a_field_of_several_letters_is_a_name_and_anything_else_a_word():
    assert mathematics.latex("dim x", ["dim"]) == r"\mathrm{dim}\,x"
    assert mathematics.latex("x diagonal") == r"x\text{ diagonal }"


@pytest.mark.parametrize("wrong", ["(a", "a)", "/ b", "|x", "`a` b", "x_", "a ^^ b", "{a"])
def test_what_is_no_formula_is_refused(wrong):
    with pytest.raises(mathematics.NoFormula):
        mathematics.latex(wrong)


@pytest.mark.parametrize(("registry", "kind"), [(registry, kind) for registry in (LANDSCAPES, OPTIMIZERS) for kind in registry.kinds()])
def test_every_formula_of_a_unit_is_mathematics(registry, kind):
    cls = registry.load(kind)
    parts = text.paragraphs(cls)
    found = text.FORMULA.match(parts[0])
    formulas = [text.first_sentence(found["formula"])[0]] if found else []
    formulas += [textwrap.dedent(part) for part in parts if text.is_block(part)]
    for formula in formulas:
        made = mathematics.equations(formula, cls.model_fields)
        assert made.count("{") == made.count("}")
        assert made.count(r"\left") - made.count(r"\leftarrow") == made.count(r"\right")
