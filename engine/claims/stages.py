"""Claims across the stages of a study: their groups are STAGE.OPTIMIZER, or STAGE where a stage has one optimizer."""

from typing import Any

from ...specs.claim import Claim, names, parse_claim, with_label
from ...specs.errors import SpecError
from ...specs.stage_claims import groups
from ...specs.stages import Stages
from .evaluate import Group, Results
from .verdict import Verdict, judge


def verify_stages(tree: Any, stages: Stages) -> list[Verdict]:
    """A verdict for each claim, from the xarray.DataTree of the run: the stages' own first. Raises SpecError where one cannot be evaluated."""
    verdicts = []
    for stage in stages.stages:
        results = Results(tree[stage.name], stage.study)
        verdicts += [judge(claim, results) for claim in stage.study.claims]
    return verdicts + [judge(claim, across(tree, stages, claim)) for claim in stages.claims]


def across(tree: Any, stages: Stages, claim: Claim) -> Results:
    """The results that a claim across stages is evaluated on. Raises SpecError if it joins stages with different numbers of seeds."""
    known = groups({stage.name: stage for stage in stages.stages})
    found = {label: Group(f"{name}/{optimizer.name}", study, optimizer) for label, (name, study, optimizer) in known.items()}
    first = claim.group or list(found)[-1]
    paths = [with_label(name, found) for text in claim.expressions().values() for name in names(parse_claim(text))]
    used = {path[0] for path in paths if path[0] in found and len(path) > 1} or {first}
    seeds = {label: found[label].study.seeds for label in sorted(used)}
    if len(set(seeds.values())) > 1:
        said = ", ".join(f"{label} has {n}" for label, n in seeds.items())
        raise SpecError(f"claim '{claim.name}': joins stages with different numbers of seeds ({said})")
    return Results(tree, found[first if first in used else min(used)].study, found)
