"""What `check` calls fine, `run` can begin: every bundled study's landscape and start, under every optimizer and every noise.

Each pair is either refused when the study is read, or takes its first step without an exception. Studies that share landscape, start and
precision count once. `make test` tries every optimizer with every noise on the landscapes in turn, and `make verify` all of them.
"""

import itertools
import json
from functools import cache

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import check, run
from thalweg.engine.executors.choose import array_simulation
from thalweg.engine.executors.outcome import Outcome
from thalweg.specs.errors import SpecError
from thalweg.specs.load import gallery, read_yaml
from thalweg.specs.noise import NOISES
from thalweg.specs.registry import OPTIMIZERS
from thalweg.specs.sweep_forms import FORMS, expand

NOISE = {"minibatch": {"size": 3}, "online": {"size": 2}}
WRAPPED = {"schedule": {"kind": "wsd", "warmup": 0.1}, "average": "polyak"}


LISTS = ("data", "draws", "samples", "variables", "observables", "define", "vector", "spectrum", "hidden")
"""Fields of landscapes whose lists and mappings are no sweeps."""
SIZES = ("inputs", "hidden", "dim", "rows", "cols", "signals", "samples", "test_samples")
LARGEST = 8
"""Sizes are cut down to this, so that thousands of pairs take a minute."""


def one_value(field):
    """The first value of a field that is swept."""
    if isinstance(field, dict) and len(field) == 1 and next(iter(field)) in FORMS:
        ((form, given),) = field.items()
        return expand(form, given)[0]
    return field[0] if isinstance(field, list) else field


def small(land):
    """A landscape with swept fields at their first values and sizes cut down."""
    land = land if isinstance(land, dict) else {"kind": land}
    layers = land["kind"] == "mlp" and {"hidden": [4]}
    land = {key: value if key in LISTS and key != "hidden" else one_value(value) for key, value in land.items()}
    land = {key: min(value, LARGEST) if key in SIZES and isinstance(value, int) else value for key, value in land.items()} | (layers or {})
    return land | {key: {k: one_value(v) for k, v in land[key].items()} for key in ("parameters",) if key in land}


@cache
def grounds():
    """(name, landscape, init, precision) of the bundled studies, each once."""
    made = {}
    for name, path in gallery().items():
        data = read_yaml(path.read_bytes(), name).data
        if "stages" in data:
            continue
        land, init = small(data["landscape"]), data.get("init")
        init = (
            {key: value if key in ("at", "mean") else one_value(value) for key, value in init.items()} if isinstance(init, dict) else init
        )
        made.setdefault(json.dumps([land, init, data.get("precision", "float64")], sort_keys=True), (name, land, init))
    return [(name, land, init, json.loads(key)[2]) for key, (name, land, init) in made.items()]


def spec(ground, kind, noise, **fields):
    name, land, init, precision = ground
    return {
        "name": name,
        "landscape": land,
        "init": init,
        "noise": {"kind": noise, **NOISE.get(noise, {})},
        "optimizers": [{"kind": kind, **fields, **({"particles": 4} if "particles" in OPTIMIZERS.load(kind).model_fields else {})}],
        "precision": precision,
        "seeds": 2,
        "steps": 1,
    }


def begins(given):
    """None if the study is refused, else whether its first step came out with a record of every variable."""
    try:
        planned = check(given)
    except SpecError:
        return None
    (group,) = planned.groups
    *blocks, outcome = array_simulation(next(group.shards())).run()
    assert isinstance(outcome, Outcome)
    assert (np.asarray(outcome.status) > 0).all()
    recorded = {name: sum(block.data[name].shape[2] for block in blocks) for name in group.recorded}
    assert set(recorded.values()) == {2}
    return True


def pairs(stride=1):
    """Every optimizer and noise on every ground, or on each `stride`-th one, in turn."""
    for k, (kind, noise) in enumerate(itertools.product(OPTIMIZERS.kinds(), NOISES.kinds())):
        for ground in grounds()[k % stride :: stride]:
            yield kind, noise, ground


def tried(stride, **fields):
    """How often a study was refused (None) and how often it ran (True); fails with all pairs that raised anything else."""
    counted, raised = {None: 0, True: 0}, []
    for kind, noise, ground in pairs(stride):
        try:
            counted[begins(spec(ground, kind, noise, **fields))] += 1
        except Exception as error:  # noqa: BLE001  # all of them are told at once
            raised.append(f"{ground[0]}, {kind}, {noise}: {type(error).__name__}: {error}")
    assert not raised, "\n".join(raised)
    return counted


@pytest.mark.parametrize("stride", few([48, 24, 6], keep=[48]))
def test_a_part_of_the_pairs_is_refused_or_begins(stride):
    counted = tried(stride)
    assert counted[None] > 600 / stride
    assert counted[True] > 1200 / stride


def test_with_a_schedule_and_an_average_too():
    assert tried(61, **WRAPPED)[True] > 10


@pytest.mark.parametrize("noise", few(NOISES.kinds(), keep=["gaussian", "minibatch"]))
def test_stores_hold_what_has_begun(noise):
    """The whole way of `thalweg run`, into memory."""
    for kind, ground in zip(OPTIMIZERS.kinds(), itertools.cycle(grounds()), strict=False):
        given = spec(ground, kind, noise, label="it")
        if begins(given):
            assert (run(given)["it"].status > 0).all()


@pytest.mark.full
def test_every_pair_is_refused_or_begins():
    counted = tried(1)
    assert sum(counted.values()) == len(OPTIMIZERS.kinds()) * len(NOISES.kinds()) * len(grounds())


def test_every_optimizer_and_every_noise_runs_somewhere():
    """Nothing is refused everywhere: each runs on at least one bundled landscape."""
    for kind in OPTIMIZERS.kinds():
        assert any(begins(spec(ground, kind, "none")) for ground in grounds()), kind
    for noise in NOISES.kinds():
        assert any(begins(spec(ground, "sgd", noise)) for ground in grounds()), noise
