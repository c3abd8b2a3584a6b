"""A program without the terms that a number of 0 makes vanish, such as a penalty on the weights whose factor is 0 in all runs."""

from collections.abc import Collection, Sequence

from ....specs.program.node import Node, ordered, with_args
from .places import VIEWS

MADE_OF_ZERO = {"negative", "sum", *VIEWS}
"""Functions that are 0 where their first argument is."""


def without_zero_terms(outputs: Sequence[Node], zeros: Collection[str]) -> list[Node]:
    """The outputs without what they add that is 0.

    A product with 0 counts as 0 also where the other factor is infinite or NaN: 0 times an overflow, which arrays find to be NaN, is no part of the
    objective.

    Parameters
    ----------
    outputs
        Of a program.
    zeros
        The names of inputs that are 0.

    Returns
    -------
    Outputs of the same shapes.
    """
    made: dict[int, Node] = {}
    vanishing: set[int] = set()
    for n in ordered(outputs) if zeros else ():
        name = n.function.name
        args = tuple(made[id(a)] for a in n.args)
        zero = [id(a) in vanishing for a in n.args]
        divided = name == "divide" and n.args[1].is_number and n.args[1].number != 0
        if name == "input":
            gone = n.option("name") in zeros
        elif name == "multiply":
            gone = any(zero)
        else:
            gone = zero[:1] == [True] and (divided or name in MADE_OF_ZERO)
        if gone:
            vanishing.add(id(n))
        kept = next((a for a, other in zip(args, zero[::-1], strict=True) if other), None) if name in ("add", "subtract") else None
        if kept is not None and kept.shape == n.shape and not (name == "subtract" and zero[0]):
            made[id(n)] = kept
            vanishing |= {id(n)} if all(zero) else set()
        else:
            made[id(n)] = with_args(n, args)
    return [made[id(n)] for n in outputs] if vanishing else list(outputs)
