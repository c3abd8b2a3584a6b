"""Claims across stages: their groups are called STAGE.OPTIMIZER, or STAGE where a stage has one optimizer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .claim import Claim, wrong_claims
from .messages import dotted, problems

if TYPE_CHECKING:
    from .optimizer import Optimizer
    from .stage_program import Program
    from .stages import Stage
    from .study import Study


def groups(stages: "Mapping[str, Stage]") -> "dict[str, tuple[str, Study, Optimizer]]":
    """(stage, its study, optimizer) by the label that claims across stages have for its runs."""
    found: dict[str, tuple[str, Study, Optimizer]] = {}
    for name, stage in stages.items():
        for optimizer in stage.study.optimizers:
            label = name if len(stage.study.optimizers) == 1 else f"{name}.{optimizer.name}"
            found[label] = name, stage.study, optimizer
    return found


def read_claims(program: "Program", given: Any) -> tuple[Claim, ...]:
    """The claims of a file of stages that belong to no stage. Problems are noted with their places."""
    found = []
    if not isinstance(given, list):
        program.fail(("claims",), "claims: must be a list")
    for k, one in enumerate(given if isinstance(given, list) else ()):
        if isinstance(one, dict) and "stage" in one:
            continue  # which its stage has
        try:
            found.append(Claim.model_validate(one))
        except ValidationError as error:
            for path, message in problems(one, error, Claim.model_fields):
                program.fail(("claims", k, *path), f"{dotted(('claims', k, *path))}: {message}")
    labels = groups(program.stages)
    known = {label: study.claim_names(optimizer) for label, (_, study, optimizer) in labels.items()}
    steps = max(study.steps for _, study, _ in labels.values())
    for problem in wrong_claims(found, known, list(labels)[-1], steps):
        program.fail(("claims",), problem)
    program.stop()
    return tuple(found)
