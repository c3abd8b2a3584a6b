"""Claims tried out before a study runs: hours of simulation should not end in a misspelt dimension."""

import numpy as np

from ...specs.status import Status
from ...specs.study import Study
from ..plan import plan
from ..store.layout import documents
from ..store.open import without_zarr_warnings
from .evaluate import Results
from .verdict import evaluate, group_of, named

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
    texts = [text for claim in study.claims for text in (claim.measure, claim.other, claim.where or "")]
    some = study if any("seed=" in text.replace(" ", "") for text in texts) else study.model_copy(update={"seeds": min(SEEDS, study.seeds)})
    planned = plan(some)
    if planned.bytes > MOST_BYTES:
        return
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
        zeros = {key: variable.copy(data=np.zeros(variable.shape, variable.dtype)) for key, variable in data.data_vars.items()}
        if "status" in zeros:
            zeros["status"] = zeros["status"] + np.int8(Status.FINISHED)
        groups[name] = data.assign(zeros)
    results = Results(xarray.DataTree.from_dict(groups), some)
    for claim in study.claims:
        with named(claim):
            evaluate(claim, group_of(claim, some), results)
