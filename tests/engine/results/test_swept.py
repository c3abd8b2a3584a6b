"""Which field a coordinate holds, in stores of this version and of earlier ones."""

import pytest
import thalweg
import xarray
from thalweg.engine.results.swept import is_hyperparameter, is_problem, swept_field

STUDY = {
    "name": "s",
    "landscape": {"kind": "river_valley", "sharpness": [2.0, 3.0]},
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.02], "schedule": {"kind": "constant", "warmup": [0, 2]}}],
    "steps": 3,
}


def test_a_store_says_owner_and_field_beside_words_for_people(tmp_path):
    data = thalweg.run(STUDY, tmp_path / "s.zarr")["sgd"]
    assert {name: swept_field(data[name]) for name in ("sharpness", "lr", "warmup")} == {
        "sharpness": ("landscape", "sharpness"),
        "lr": ("optimizer", "lr"),
        "warmup": ("optimizer", "schedule.warmup"),
    }
    assert data["warmup"].attrs["long_name"] == "schedule.warmup of the optimizer"
    assert [is_problem(data[name]) for name in ("sharpness", "lr", "seed", "step", "loss")] == [True, False, False, False, False]
    assert [is_hyperparameter(data[name]) for name in ("sharpness", "lr", "seed", "step", "loss")] == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("long_name", "field"),
    [
        ("optimizer lr", ("optimizer", "lr")),
        ("landscape sharpness", ("landscape", "sharpness")),
        ("index of the run's random stream", ("", "")),
        ("noiseless objective", ("", "")),
        ("landscape", ("", "")),
        ("", ("", "")),
    ],
)
def test_earlier_stores_say_it_in_the_long_name(long_name, field):
    assert swept_field(xarray.DataArray([1.0], attrs={"long_name": long_name})) == field
