"""An iterate average's update as a program."""

from typing import Any

from ....specs.average import Average
from ....specs.program.function import given
from ....specs.program.node import Node
from ....specs.program.numpy_functions import Untraceable
from ....specs.program.trace import trace
from .refusal import NotFusable
from .written_out import Arrays


def average_program(average: type[Average], a: Node, x: Node, named: dict[str, Any], precision: str) -> Node:
    """What the average `a` becomes with the iterate `x`.

    Parameters
    ----------
    average
        Its kind.
    a, x
        As nodes.
    named
        Its other arguments: t, steps, and its fields.
    precision
        What arrays say when they are asked for their dtype.

    Returns
    -------
    The new average.

    Raises
    ------
    NotFusable
        For an average that does not begin at the iterate, or stands for another point than itself, or cannot be traced.
    """
    kind = average.model_fields["kind"].default
    if average.estimate is not Average.estimate or average.first is not Average.first:
        raise NotFusable(f"an average of kind {kind}")
    try:
        (new,) = trace(average.update, {"a": a, "x": x}, {"t": given("t"), "xp": Arrays(), **named}, precision)
    except Untraceable as why:
        raise NotFusable(f"an average of kind {kind}: its rule {why}") from None
    return new
