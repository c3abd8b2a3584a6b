"""Named definitions of a formula over tensors, or other formulas over the same names, at points of a view."""

from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.landscapes._tensor_landscape import ProgramLandscape
from ...specs.landscapes.base import Landscape
from ...specs.program.arrays import Evaluation
from ...specs.program.node import Node
from ._view import View


def definition(land: Landscape, text: str, field: str = "features") -> Node:
    """What a definition of this name is, or a formula over definitions, variables and data. Raises SpecError that says what is wrong with this field."""
    if not isinstance(land, ProgramLandscape):
        raise SpecError(f"{field}: needs a formula over tensors, and {land.kind} is none")
    return land.program().reading().read(text, (field,))


def values(view: View, text: str) -> Any:
    """Its values at the view's points (rows, seeds, its own axes...)."""
    land, node, every = view.landscape, definition(view.landscape, text), slice(None)
    assert isinstance(land, ProgramLandscape)
    program = land.program()
    inputs = {**program.value.blocks(view.x, "", np), **land._given(view.x, view.p, np, None, "n")(every, every)}
    (found,) = Evaluation([node], program.lasting)(np, inputs)
    return np.broadcast_to(found, (*view.x.shape[:2], *node.shape))
