"""Claims tried out before a study runs: hours of simulation should not end in a misspelt dimension."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...specs.claim import Claim
from ...specs.stages import Stages
from ...specs.status import Status
from ...specs.study import Study
from ..plan import plan
from ..store.layout import documents
from ..store.open import without_zarr_warnings
from .evaluate import Results
from .stages import across
from .verdict import evaluate, named

SEEDS = 2
"""Seeds of the trial, where no claim names one."""
MOST_BYTES = 2 * 10**8
"""Size of results up to which claims are tried."""


def try_claims(study: Study) -> None:
    """Evaluate every claim on results of the study's dimensions and coordinates in which all numbers are 0.

    Raises SpecError that names the claim whose functions do not fit what they are given. Larger results than MOST_BYTES are not tried.
    """
    if not study.claims:
        return
    some = shortened(study, study.claims)
    if (laid_out := zeros(some)) is not None:
        try_on(study.claims, Results(laid_out, some))


def try_claims_across(stages: Stages) -> None:
    """The same of all claims of a study of stages."""
    for stage in stages.stages:
        try_claims(stage.study)
    if not stages.claims:
        return
    some = {stage.name: shortened(stage.study, stages.claims) for stage in stages.stages}
    trees = {name: zeros(study) for name, study in some.items()}
    if any(tree is None for tree in trees.values()):
        return
    import xarray

    short = dataclasses.replace(stages, stages=tuple(dataclasses.replace(s, study=some[s.name]) for s in stages.stages))
    for claim in stages.claims:
        try_on([claim], across(xarray.DataTree(children=trees), short, claim))


def try_on(claims: Iterable[Claim], results: Results) -> None:
    """Evaluate claims. Raises SpecError that names the one that does not fit."""
    for claim in claims:
        with named(claim):
            evaluate(claim, claim.group or results.first, results)


def shortened(study: Study, claims: Iterable[Claim]) -> Study:
    """The study with few seeds, unless a claim names one."""
    texts = [text for claim in claims for text in (claim.measure, claim.other, claim.where or "")]
    if any("seed=" in text.replace(" ", "") for text in texts):
        return study
    return study.model_copy(update={"seeds": min(SEEDS, study.seeds)})


def zeros(study: Study) -> Any:
    """Results of the study's dimensions and coordinates in which all numbers are 0, as an xarray.DataTree; None if they are too large."""
    planned = plan(study)
    if planned.bytes > MOST_BYTES:
        return None
    import xarray
    import zarr
    from zarr.storage import MemoryStore

    with without_zarr_warnings():
        store = zarr.open_group(MemoryStore(documents(planned, {}, {})), mode="r", zarr_format=3, use_consolidated=False).store
        laid_out = xarray.open_datatree(store, engine="zarr", consolidated=False)  # type: ignore[arg-type]
    groups = {}
    for node in laid_out.subtree:
        name, data = node.path.strip("/"), node.to_dataset(inherit=False)
        if not name:
            continue
        numbers = {key: variable.copy(data=np.zeros(variable.shape, variable.dtype)) for key, variable in data.data_vars.items()}
        if "status" in numbers:
            numbers["status"] = numbers["status"] + np.int8(Status.FINISHED)
        groups[name] = data.assign(numbers)
    return xarray.DataTree.from_dict(groups)
