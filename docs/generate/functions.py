"""The reference of the functions of formulas over tensors: a section each, by group, made from their files."""

import inspect
import sys
from pathlib import Path
from typing import Any, get_args

from thalweg.specs.program.function import EXAMPLES, FUNCTIONS, Group, given
from thalweg.specs.program.node import describe
from thalweg.specs.program.read import Reading

from .text import code, escaped, markdown
from .units import put

INTRO = """\
Made from the files of `specs/functions/` at build time; `thalweg list functions` prints the list. [The language](../language.md) says what a formula
is made of.

A section has the call, the value, what holds at kinks and limits, and examples with the shapes of their values. Where a gradient is not
mentioned it is the exact one. Unless something else is said, arrays broadcast as NumPy's do. `axis` is a number (negative ones count from the end), the name of
a size in quotes, or a list of these; without it all entries are meant. `keepdims=True` keeps what is reduced as an axis of size 1."""
WORDS: dict[str, str] = {
    "elementwise": "Of each entry alone.",
    "comparisons": "They make truth values, for `where`, `mean(a == b)` and the like; there is no gradient.",
    "reductions": "Over all entries, or along one axis or some.",
    "products": "Products of matrices, and functions of square matrices. All but `outer`, `kron` and `trace` take stacks of matrices: axes in front broadcast.",
    "structure": "Arrays put together, taken apart, and made.",
    "losses": "Each entry or row by itself, so that a `mean` or `sum` around it is yours; `mse` alone is a mean already.",
    "programs": "`grad(y, name)` and `iterate(k, d, start, body)` are words of [the language](../language.md#gradients-and-loops-inside-a-formula).",
}
INTERNAL = ("at",)


def write(folder: Path) -> None:
    """The page functions.md in this folder."""
    put(folder / "functions.md", "\n\n".join(parts()) + "\n")


def parts() -> list[str]:
    """The page: what its examples are over, then a section a function, group by group."""
    names = ", ".join(f"`{name}` {noun(shape, kind)}" for name, (shape, kind) in EXAMPLES.items())
    made = ["# Functions of formulas", INTRO, f"The examples are over {names}. `A` and `B` are symmetric and positive definite."]
    functions = [FUNCTIONS.load(kind) for kind in FUNCTIONS.kinds()]
    for group in get_args(Group):
        made += [f"(functions-{group})=\n## {group.capitalize()}", WORDS[group]]
        made += [section(function) for function in functions if function.group == group]
    return made


def noun(shape: tuple[int, ...], kind: str) -> str:
    """An array of examples in words."""
    what = {"float": "", "int": "whole numbers ", "bool": "truth values "}[kind]
    return f"{what}{shape}" if shape else "a number"


def section(function: Any) -> str:
    """One function: call, value and conventions, options, examples, its file."""
    module = sys.modules[type(function).__module__]
    call, what = head(module)
    options = ", ".join(f"`{name}`" if default in (None, ()) else f"`{name}={default!r}`" for name, default in shown(function).items())
    examples = "; ".join(f"`{text}` {describe(Reading(inputs()).read(text))}" for text in function.examples)
    made = [f"(function-{function.name})=\n### {function.name}", code(call, "python"), escaped(f"{what[:1].upper()}{what[1:]}")]
    made += [markdown(type(function)), f"Options: {options}." if options else "", f"Examples: {examples}."]
    return "\n\n".join([part for part in made if part] + [f"File: `{module.__name__.removeprefix('thalweg.').replace('.', '/')}.py`."])


def shown(function: Any) -> dict[str, Any]:
    """The options that a formula may give."""
    return {name: default for name, default in function.options().items() if name not in INTERNAL}


def head(module: Any) -> tuple[str, str]:
    """The call and what it is, from the first paragraph of the function's file: 'tanh(x): the hyperbolic tangent.'"""
    first = " ".join(inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].split())
    call, _, what = first.partition(": ")
    return call, what


def inputs() -> dict[str, Any]:
    """The names of the examples."""
    return {name: given(name, shape, kind) for name, (shape, kind) in EXAMPLES.items()}
