"""A program in three parts by what they depend on: what is made of some inputs alone, to be computed once; numbers made of these and of what changes
from step to step, to be computed once a step; and the rest, whose inputs these numbers are."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .function import given
from .node import Node, ordered, with_args


@dataclass(frozen=True, eq=False)
class Split:
    """The parts. `fixed` and `stepped` are arrays and numbers by the name of the input that the rest, and `stepped`, have in their place."""

    fixed: Mapping[str, Node]
    stepped: Mapping[str, Node]
    rest: tuple[Node, ...]


def split(outputs: Sequence[Node], fixed: Collection[str], stepped: Collection[str]) -> Split:
    """The program of these outputs in three parts.

    Its numbers and arrays that are made of the inputs `fixed` alone are the first, numbers that are made of `stepped` as well the second. Inputs of
    either kind that arrays meet as they are keep their name.
    """
    once, others = hoisted(outputs, fixed, "fixed", arrays=True)
    each, rest = hoisted(others, {*once, *fixed, *stepped}, "stepped")
    return Split(once, {name: number for name, number in each.items() if name not in once}, tuple(rest))


def hoisted(outputs: Sequence[Node], names: Collection[str], prefix: str, arrays: bool = False) -> tuple[dict[str, Node], list[Node]]:
    """The largest numbers that are made of the inputs of these names alone, and arrays if they are wanted, by name; and the outputs with inputs in
    their place."""
    order = ordered(outputs)
    literal: set[int] = set()
    pure: set[int] = set()
    for n in order:
        if n.size != 1 and not arrays:
            continue
        if n.function.name == "input":
            if n.option("name") in names:
                pure.add(id(n))
        elif all(id(a) in literal for a in n.args):
            literal.add(id(n))
        elif all(id(a) in literal or id(a) in pure for a in n.args):
            pure.add(id(n))
    used = {id(a) for n in order if id(n) not in pure for a in n.args} | set(map(id, outputs))
    found: dict[str, Node] = {}
    inputs: dict[int, Node] = {}
    for n in order:
        if id(n) in pure and id(n) in used:
            name = n.option("name") if n.function.name == "input" else f"{prefix} {len(found)}"
            found[name] = n
            inputs[id(n)] = given(name, n.shape, n.kind)
    return found, replaced(outputs, inputs)


def replaced(outputs: Iterable[Node], by: Mapping[int, Node]) -> list[Node]:
    """The outputs with other nodes in the place of some, which are named by their id."""
    outputs = tuple(outputs)
    made = dict(by)
    for n in ordered(outputs):
        if id(n) not in made:
            made[id(n)] = with_args(n, [made[id(a)] for a in n.args])
    return [made[id(n)] for n in outputs]
