"""How the fused executor lays out the runs of a formula over tensors on the processor.

Small formulas go entry by entry, with a run a lane, as scalar formulas do (codegen/entries.py): two to six times as fast there as a run a task, whose vectors
are as short as their last axis. All others are programs with a run a task (tensors/).
"""

from ..plan import Group
from .executor import Executor


def over_tensors(group: Group) -> bool:
    """Whether the landscape is a formula over tensors."""
    from ...specs.landscapes._tensor_landscape import ProgramLandscape

    return isinstance(group.landscapes[0], ProgramLandscape)


def entry_by_entry(group: Group) -> bool:
    """Whether the landscape is a formula over tensors that is small enough for a run a lane."""
    from .cpu.points import why_not

    return over_tensors(group) and why_not(group) is None


def by_programs(group: Group) -> bool:
    """Whether a run of the group is a task of its own, on the processor."""
    return over_tensors(group) and not entry_by_entry(group)


def layout(group: Group, executor: Executor) -> str:
    """What follows the name of the executor of a formula over tensors: ", a run a lane" or ", a run a task"; nothing of all else."""
    if executor.kind != "fused" or executor.device != "cpu" or not over_tensors(group):
        return ""
    return ", a run a task" if by_programs(group) else ", a run a lane"
