"""Specs that are right: the whole format in one file, round trips, settings, and the JSON Schema."""

import jsonschema
import pytest
from helpers.repetitions import few
from thalweg.specs.load import gallery, load, load_study, read_yaml
from thalweg.specs.schema import file_schema
from thalweg.specs.stages import Stages
from thalweg.specs.study import Study

EXAMPLE = """
name: wsd_river
title: WSD on a river valley
source: arXiv:2410.05192
landscape:
  kind: expression
  variables: [x, y]
  parameters: {k: 20.0, slope: 0.05}
  value: "k/2*(y - sin(x))**2 - slope*x"
  observables: {hill: "k/2*(y - sin(x))**2", river: "x"}
init: {kind: point, at: [0.0, 1.0]}
noise: {kind: gaussian, scale: 0.5}
optimizers:
  - kind: sgd
    label: sgd_wsd
    lr: {logspace: [1.0e-3, 1.0e-1, 20]}
    schedule: {kind: wsd, warmup: 100, decay: 0.2, shape: linear}
  - kind: adam
    lr: [0.001, 0.01]
    beta2: {values: [0.99, 0.999]}
zip: [[adam.lr, adam.beta2]]
seeds: 256
root_seed: 0
steps: 10000
record: {every: 10, variables: [loss, params, hill, river]}
precision: float32
stop: {diverge_above: 1.0e6}
claims:
  - name: stationary hill loss is lr s^2 / (2 (2 - lr k))
    group: sgd_wsd
    measure: "mean(tail(hill, 0.5), ['seed', 'step'])"
    expected: "lr*noise.scale**2/(2*(2 - lr*k))"
    where: "lr*k < 1.5"
    rtol: 0.05
"""


@pytest.fixture
def example(tmp_path):
    path = tmp_path / "wsd_river.yaml"
    path.write_text(EXAMPLE)
    return path


def test_the_whole_format_loads(example):
    study = load_study(example)
    assert study.precision == "float32"
    assert [o.name for o in study.optimizers] == ["sgd_wsd", "adam"]
    assert set(study.sweeps()) == {"sgd_wsd.lr", "adam.lr", "adam.beta2"}
    assert study.stop.diverge_above == 1e6
    assert study.claims[0].rtol == 0.05


@pytest.mark.parametrize("name", few(["example", *gallery()], keep=["example", *[*gallery()][::4]]))
def test_a_study_survives_json(name, example):
    loaded = load(example if name == "example" else name)
    for study in [stage.study for stage in loaded.stages] if isinstance(loaded, Stages) else [loaded]:
        survives_json(study)


def survives_json(study):
    assert Study.model_validate(study.model_dump(mode="json")) == study
    assert Study.model_validate_json(study.model_dump_json()) == study


@pytest.mark.parametrize(
    ("setting", "read", "wanted"),
    [
        ("steps=500", lambda s: s.steps, 500),
        ("adam.lr=0.1", lambda s: s.optimizers[1].lr, 0.1),
        ("sgd_wsd.schedule.decay=0.4", lambda s: s.optimizers[0].schedule.decay, 0.4),
        ("landscape.parameters.k=5", lambda s: s.landscape.parameters["k"], 5),
        ("noise.scale=[0.1, 0.2]", lambda s: list(s.noise.scale.values), [0.1, 0.2]),
        ("precision=float64", lambda s: s.precision, "float64"),
        ("record={every: 5}", lambda s: s.record.every, 5),
    ],
)
def test_settings_change_one_value(example, setting, read, wanted):
    settings = [setting, "zip=[]"] if setting.startswith("adam.lr") else [setting]
    assert read(load_study(example, settings)) == wanted


@pytest.mark.parametrize("itself", few([False, True], keep=[False]), ids=["studies", "itself too"])
def test_the_json_schema_accepts_what_loads_and_refuses_what_does_not(example, itself):
    schema = file_schema()
    if itself:  # takes ten times as long as the studies
        jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    texts = [EXAMPLE, *(path.read_text() for path in gallery().values())]
    for text in texts:
        assert not list(validator.iter_errors(read_yaml(text.encode(), "study").data))
    data = read_yaml(EXAMPLE.encode(), "study").data
    for wrong in (
        {**data, "stepz": 1},
        {**data, "steps": "many"},
        {**data, "precision": "float16"},
        {k: v for k, v in data.items() if k != "steps"},
        {"name": "s", "stages": []},
        {"name": "s", "stages": [{"name": "a", "form": "b"}]},
        {"name": "s", "stages": [{"name": "a", "keep": "all"}]},
        {"stages": [{"name": "a"}]},
    ):
        assert not validator.is_valid(wrong)
