"""Stores that an earlier version wrote: their study lacks the fields that came since."""

import json

import pytest
import thalweg
import zarr
from thalweg.engine import check
from thalweg.engine.store.provenance import same_study
from thalweg.specs.errors import StoreError

STUDY = {
    "name": "old",
    "landscape": "himmelblau",
    "optimizers": [{"kind": "sgd", "lr": 0.01}],
    "steps": 5,
    "claims": [{"name": "c", "measure": "final(loss)", "less_than": "1e9"}],
}


def edited(path, change, **attributes):
    """A store whose study is changed, as another version may have written it."""
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    study = json.loads(str(root.attrs["study"]))
    change(study)
    root.attrs.update({"study": json.dumps(study), **attributes})
    return root


def test_a_field_that_came_later_has_its_default(tmp_path):
    path = tmp_path / "old.zarr"
    thalweg.run(STUDY, path)
    root = edited(path, lambda study: study["claims"][0].pop("diverged"))
    same_study(root, check(STUDY).study, path)
    root = edited(path, lambda study: study.update(steps=6))
    with pytest.raises(StoreError, match="holds another study, which differs in: steps"):
        same_study(root, check(STUDY).study, path)


def test_a_store_of_another_version_is_not_continued(tmp_path):
    path = tmp_path / "old.zarr"
    thalweg.run(STUDY, path)
    edited(path, lambda study: study["claims"][0].pop("diverged"), thalweg_version="0.0.1")
    with pytest.raises(StoreError, match=r"was begun with thalweg 0\.0\.1, this is"):
        thalweg.run(STUDY, path, resume=True)
