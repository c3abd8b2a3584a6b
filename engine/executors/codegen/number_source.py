"""From a number that is a formula of the step to statements at the head of a rule, which compute it as a rule would."""

import ast
from collections.abc import Sequence

from ....specs import formulas
from ....specs.program.node import Node, ordered
from ....specs.sweep import NumberFormula
from ....specs.syntax import syntax_tree
from .rule_reader import ELEMENTWISE, NotFusable

OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "less": "<", "less_equal": "<=", "equal": "=="}
OPERATORS |= {"not_equal": "!=", "logical_and": "&", "logical_or": "|"}
MOST = 200
"""Operations of a formula in a kernel."""


def head(moving: Sequence[tuple[str, NumberFormula]], known: Sequence[str]) -> tuple[list[ast.stmt], dict[str, str]]:
    """Statements that define these numbers, from `t` and names of the landscape's numbers `known`; and what those are called in the
    statements: their labels -> names. Raises NotFusable for a formula of more than arithmetic and elementary functions."""
    lines: list[str] = []
    labels: dict[str, str] = {}
    for place, (name, formula) in enumerate(moving):
        order = ordered([formulas.read(formula, dict.fromkeys(known))])
        if len(order) > MOST:
            raise NotFusable(f"its {name} is a formula of {len(order)} operations, above {MOST}")
        texts: dict[int, str] = {}
        for k, node in enumerate(order):
            text = written(node, [texts[id(a)] for a in node.args], labels)
            if text is None:
                raise NotFusable(f"its {name} is a formula with {node.function.name}, which has no scalar form here")
            texts[id(node)] = text
            if node.args:
                texts[id(node)] = f"formula_{place}_{k}"
                lines.append(f"formula_{place}_{k} = {text}")
        lines.append(f"{name} = {texts[id(order[-1])]}")
    return syntax_tree("\n".join(lines)).body, {label: name for name, label in labels.items()}


def written(node: Node, args: Sequence[str], labels: dict[str, str]) -> str | None:
    """An operation as a rule writes it; None if it cannot. Names other than t get a label."""
    function = node.function.name
    if function == "number":
        return repr(node.number)
    if function == "input":
        name = str(node.option("name"))
        return name if name == "t" else labels.setdefault(name, f"of_landscape_{len(labels)}")
    if function == "float":
        return args[0]
    if function == "negative":
        return f"-{args[0]}"
    if function in OPERATORS:
        return f"{args[0]} {OPERATORS[function]} {args[1]}"
    return f"np.{function}({', '.join(args)})" if function in ELEMENTWISE and not node.shape else None
