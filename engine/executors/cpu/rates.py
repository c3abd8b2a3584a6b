"""What a step costs in the fused executor: as earlier runs have measured it, else from the operations in the kernels' text.

A rate is the processor time that a step of a lane takes, in seconds; time in which a thread waits is not in it, so a busy machine has the
same. Every run notes the rate of its kernels beside them (disk_cache.py), where it vanishes with them.
"""

import ast
import contextlib
import json
import math
from functools import cache
from typing import Any

from ....specs.noise import Gaussian, StudentT
from ....specs.syntax import syntax_tree
from ..codegen.disk_cache import folder, hashed, used, write

LEAST = 0.02
"""Seconds of processor time from which on a rate is noted."""
WORTH = {"exp": 8, "log": 8, "sin": 8, "cos": 8, "tan": 14, "sin_pi": 6, "cos_pi": 6, "sin_with_cos": 6, "cos_with_sin": 6, "pow": 24}
"""Operations that a function is worth; others are worth FUNCTION."""
FUNCTION, DIVISION = 2, 4
NORMAL, STUDENT = {"float32": 18, "float64": 26}, 80
"""Operations of a normal number, by precision, and of a Student-t number."""
STEP, RECORDED = 24, 8
"""Operations of a step of a lane besides, and of a number that is recorded."""
CONSENSUS = 6
"""Operations of a component of a particle in the consensus; its weight is an exponential."""
SECONDS = {"float32": 0.03e-9, "float64": 0.056e-9}
"""Of an operation of one lane, where LLVM has made vector instructions of it."""


def rate(simulation: Any) -> float:
    """Seconds of a lane's step of this fused simulation."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = float(json.loads(path(simulation).read_text(encoding="utf-8")))
        if 0 < known < math.inf:
            return known
    return simulation.modelled_rate()


def note(simulation: Any, seconds: float, steps: float) -> None:
    """Keep what so many steps of lanes have taken, for later estimates."""
    if seconds >= LEAST:
        with contextlib.suppress(OSError):
            write(path(simulation), json.dumps(seconds / steps))
            used(path(simulation))


def path(simulation: Any) -> Any:
    """The file of this simulation's rate: one for what is compiled, drawn and recorded."""
    group = simulation.shard.group
    between = max(1, group.study.steps // len(group.steps)).bit_length()
    parts = (*simulation.modules().values(), simulation.work, group.recorded, between, *simulation.flags())
    return folder() / f"r_{hashed(repr(parts))}.json"


def modelled(simulation: Any) -> float:
    """The same from the operations in the kernels' text."""
    sources, group, dim = simulation.sources, simulation.shard.group, simulation.dim
    noise, often = simulation.parts.noise, len(group.steps) / max(1, group.study.steps)
    value = operations(sources.landscape, "landscape", dim)
    rule = operations(sources.rule, "rule", dim)
    drawn, swarm = 0.0, simulation.work / dim
    if group.particles:
        total = swarm * (value + rule + WORTH["exp"] + CONSENSUS * dim) + value
    else:
        total = rule + (operations(sources.landscape, "slope", dim) if simulation.box > 0 else value)
        drawn = dim * (NORMAL[sources.precision] if isinstance(noise, Gaussian) else STUDENT if isinstance(noise, StudentT) else 0)
    drawn += simulation.work * NORMAL[sources.precision] * ("xi" in simulation.rule.inputs())
    if simulation.parts.optimizer.average is not None:
        total += operations(sources.average, "rule", dim)
    if not simulation.uniform:
        total += operations(sources.rule, "prelude", dim)
    records = often * (value + operations(sources.landscape, "observe", dim) + RECORDED * group.values_per_record)
    return (total + drawn + records + STEP) * SECONDS[sources.precision]


@cache
def operations(source: str, function: str, dim: int) -> float:
    """Operations of a lane in a function of a generated module; loops over components count as often as they turn."""
    body = next(n.body for n in syntax_tree(source).body if isinstance(n, ast.FunctionDef) and n.name == function)
    return sum(in_lanes(statement, 1.0, dim) for statement in body)


def in_lanes(node: ast.AST, times: float, dim: int) -> float:
    """Operations within the loops over lanes below a node that is met so many times."""
    if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and node.target.id == "l":
        return times * sum(worth(inner) for statement in node.body for inner in ast.walk(statement))
    if isinstance(node, ast.For):
        times *= turns(node.iter, dim)
    return sum(in_lanes(inner, times, dim) for inner in ast.iter_child_nodes(node))


def turns(loop: ast.AST, dim: int) -> float:
    """How often range(a, b) turns; `dim` times where its ends are no numbers."""
    try:
        return float(len(range(*map(ast.literal_eval, loop.args))))  # type: ignore[attr-defined]
    except (ValueError, AttributeError, TypeError):
        return float(dim)


def worth(node: ast.AST) -> float:
    """Operations of a node by itself."""
    if isinstance(node, ast.BinOp):
        return DIVISION if isinstance(node.op, ast.Div) else 1
    if isinstance(node, ast.Call):
        return WORTH.get(ast.unparse(node.func).removeprefix("far_"), FUNCTION) if ast.unparse(node.func) != "F" else 0
    return 0.5 if isinstance(node, ast.Subscript) else float(isinstance(node, (ast.Compare, ast.UnaryOp, ast.AugAssign)))
