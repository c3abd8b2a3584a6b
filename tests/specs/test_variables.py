"""Recorded variables as objects, and the battery that every diagnostic passes."""

import numpy as np
import pytest
from pydantic import ValidationError
from thalweg.engine import check, run
from thalweg.specs.diagnostics.base import Diagnostic
from thalweg.specs.errors import SpecError
from thalweg.specs.plain import read_text
from thalweg.specs.registry import DIAGNOSTICS, LANDSCAPES
from thalweg.specs.study import Study
from thalweg.specs.variables import ENGINE, components, each_particle, known, recorded, scalar

NETWORK = {"W1": (4, 3), "b1": (4,)}


def study(land="himmelblau", optimizers=("sgd",), variables=None, **more):
    record = {"variables": variables, **more.pop("record", {})}
    return {"name": "s", "landscape": land, "optimizers": list(optimizers), "steps": 4, "record": record, **more}


def test_a_variable_knows_its_arrays():
    params = ENGINE["params"]
    assert params.arrays({"params": (5,)}) == {"params": {"dim": 5}}
    assert params.arrays({"params": (3, 2)}) == {"params": {"dim_0": 3, "dim_1": 2}}
    assert params.arrays(NETWORK) == {"params_W1": {"W1_0": 4, "W1_1": 3}, "params_b1": {"b1_0": 4}}
    assert list(params.pieces(NETWORK)) == [("params_W1", (4, 3), slice(0, 12)), ("params_b1", (4,), slice(12, 16))]
    assert (params.size(NETWORK), ENGINE["loss"].size(NETWORK), ENGINE["swarm"].size({"x": (2,)}, 7)) == (16, 1, 14)
    assert each_particle({"x": (2,)}, 7) == {"": {"particle": 7, "dim": 2}}
    assert ENGINE["loss"].is_scalar
    assert not params.is_scalar


def test_what_is_stored_by_default():
    spec = Study.model_validate(study("river_valley", [{"kind": "sgd", "average": "polyak"}, "cbo"], init={"kind": "normal"}))
    names = [[v.name for v in recorded(spec, optimizer)] for optimizer in spec.optimizers]
    assert names[0] == ["loss", "params", *spec.landscape.observable_names, "average_loss", "average_params"]
    assert names[1] == ["loss", "params", *spec.landscape.observable_names]
    assert {"swarm", "curl", "hessian_top"} <= set(known(spec))
    assert not {"singular_values", "kernel_min"} & set(known(spec))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (study(variables=["average_loss"]), "average_loss needs an optimizer with an `average`, and sgd has none"),
        (study(variables=["swarm"]), "swarm needs an optimizer with particles, and sgd has none"),
        (
            study(optimizers=["cbo"], variables=["curl"], init={"kind": "normal"}),
            "curl is computed for a single iterate, and cbo has particles",
        ),
        (study(variables=["kernel_min"]), "kernel_min needs a loss that is a sum of squared residuals, and that of himmelblau is not"),
        (study(variables=["singular_values"]), "singular_values needs a parameter block that is a matrix"),
        (
            study(optimizers=["cbo"], variables=["swarm"], record={"stats": ["mean"]}, init={"kind": "normal"}),
            "swarm cannot be summarised over the seeds",
        ),
        (study({"kind": "rosenbrock", "dim": 600}, variables=["curl"]), "at most 512 components are allowed, and there are 600"),
        (study(variables=["hessian_tip"]), "there is no variable 'hessian_tip'; did you mean 'hessian_top'"),
        (study(variables=["loss", "loss"]), "'loss' is named twice"),
        (study(variables=["curl", {"kind": "curl"}]), "'curl' is named twice"),
        (study(variables=[{"kind": "curl", "size": 3}]), "unknown key 'size'"),
        (study(variables=[{"kind": "loss"}]), "there is no diagnostic 'loss'"),
        (study(variables=[3]), "must be the name of a variable, or a mapping with the `kind` of a diagnostic"),
    ],
)
def test_why_a_variable_cannot_be_stored(given, words):
    with pytest.raises(SpecError) as error:
        check(given)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_bare_name_is_short_for_its_kind():
    short, long = (Study.model_validate(study(variables=["loss", v])) for v in ("curl", {"kind": "curl"}))
    assert short.record.names == long.record.names == ("loss", "curl")
    a, b = (run(spec)["sgd"] for spec in (short, long))
    assert a.curl.identical(b.curl)
    for spec in (short, long):
        assert Study.model_validate(read_text(spec.to_yaml(), "s.yaml").data) == spec


class Distance(Diagnostic):
    """Distances |x - c| for two centres c."""

    kind: str = "distance"
    centre: float
    text = "distances of the iterate"
    units = "m"
    own = staticmethod(lambda blocks, particles: {"": {"centre": 2}})

    def see(self, view):
        return view.xp.stack([view.xp.sqrt(((view.x - c) ** 2).sum(-1)) for c in (self.centre, 0.0)], axis=-1)


@pytest.fixture
def plugged_in(monkeypatch):
    """As an entry point of another package would bring it."""
    monkeypatch.setitem(DIAGNOSTICS.modules(), "distance", __name__)
    monkeypatch.setattr(DIAGNOSTICS, "load", lambda kind, load=DIAGNOSTICS.load: Distance if kind == "distance" else load(kind))


@pytest.mark.usefixtures("plugged_in")
def test_a_plug_in_has_fields_and_dimensions_of_its_own():
    spec = study(optimizers=[{"kind": "sgd", "lr": [0.0, 0.01]}], variables=["params", {"kind": "distance", "centre": 3.0}], seeds=2)
    made = run(spec)["sgd"]
    assert made.distance.dims == ("lr", "seed", "step", "centre")
    assert (made.distance.long_name, made.distance.units) == ("distances of the iterate", "m")
    np.testing.assert_allclose(made.distance.isel(centre=0), np.linalg.norm(made.params - 3.0, axis=-1))
    np.testing.assert_allclose(made.distance.isel(centre=1), np.linalg.norm(made.params, axis=-1))
    with pytest.raises(SpecError, match=r"distance needs more than its name; .* with its fields: centre"):
        check(study(variables=["distance"]))
    summary = run({**spec, "record": {**spec["record"], "stats": ["mean", "var", "quantiles"]}})["sgd"]
    np.testing.assert_allclose(summary.distance_mean, made.distance.mean("seed"))
    assert (summary.distance_var.units, summary.distance_var.long_name) == ("(m)^2", "distances of the iterate, var over the seeds")
    assert summary.distance_quantile.dims == ("lr", "step", "centre", "quantile")


@pytest.mark.usefixtures("plugged_in")
def test_a_plug_in_changes_no_study_that_has_the_name():
    land = {"kind": "expression", "value": "x**2", "variables": ["x"], "observables": {"distance": "abs(x)"}}
    made = run(study(land, variables=["distance"], init={"kind": "point", "at": [2.0]}))["sgd"]
    assert float(made.distance.isel(seed=0, step=0)) == 2.0


@pytest.mark.usefixtures("plugged_in")
def test_a_dimension_means_one_thing(monkeypatch):
    for dim in ("step", "lr", "dim"):
        monkeypatch.setattr(Distance, "own", staticmethod(lambda blocks, particles, dim=dim: {"": {dim: 3}}))
        spec = study(optimizers=[{"kind": "sgd", "lr": [0.1, 0.2]}], variables=["params", {"kind": "distance", "centre": 1.0}])
        with pytest.raises(SpecError, match=f"record.variables: distance has a dimension '{dim}', whose name is taken"):
            check(spec)


def test_a_broken_plug_in_is_told(monkeypatch):
    monkeypatch.setitem(DIAGNOSTICS.modules(), "distance", "no.such.module")
    check(study(variables=["loss"]))
    with pytest.raises(SpecError, match=r"record\.variables: distance cannot be computed: the diagnostic 'distance'.*fails to import"):
        check(study(variables=["distance"]))


MATRICES = {"kind": "linear_teacher", "inputs": 3, "hidden": 2}


@pytest.mark.parametrize("kind", DIAGNOSTICS.own_kinds())
class TestEveryDiagnostic:
    """The battery: what every diagnostic of the folder does on a landscape that has all it may ask for."""

    def spec(self, kind, **more):
        optimizer = {"kind": "curl_descent", "lr": [0.05, 1e30], "hidden_flips": 0.5}
        return study(MATRICES, [optimizer], ["loss", kind], seeds=2, init={"kind": "normal"}, **more)

    def test_it_says_what_it_is(self, kind):
        unit = DIAGNOSTICS.load(kind)
        assert unit.text
        assert unit.describe()
        assert unit.model_fields["kind"].default == kind
        assert type(unit()).see is not Diagnostic.see

    def test_it_has_the_shape_that_it_says(self, kind):
        (group,) = check(self.spec(kind)).groups
        (variable,) = (v for v in group.variables if v.diagnostic is not None)
        made = run(self.spec(kind))["curl_descent"]
        for name, dims in variable.arrays(group.blocks).items():
            assert made[name].dims == ("lr", "seed", "step", *dims)
            assert made[name].shape[3:] == tuple(dims.values())
            assert made[name].long_name.startswith(variable.text)
        assert variable.diagnostic.workspace(group.landscapes[0]) >= 0

    def test_it_is_finite_where_the_run_is_and_nan_where_it_has_diverged(self, kind):
        made = run(self.spec(kind))["curl_descent"]
        names = [name for name in made.data_vars if str(name).startswith(kind)]
        assert names
        assert (made.status.isel(lr=1) == 2).all()
        for name in names:
            assert np.isfinite(made[name].isel(lr=0, step=-1)).all()
            assert np.isnan(made[name].isel(lr=1, step=-1)).all()

    def test_single_precision_stores_the_same_to_its_rounding(self, kind, monkeypatch):
        """From one start, with one teacher: those that are drawn differ with the precision."""
        land = LANDSCAPES.load("linear_teacher")
        drawn = land.disorder
        numbers = np.random.default_rng(1).standard_normal
        monkeypatch.setattr(land, "disorder", lambda self, normal: drawn(self, lambda count: numbers((2, count))))
        found = []
        for precision in ("float32", "float64"):
            numbers = np.random.default_rng(1).standard_normal
            spec = self.spec(kind, precision=precision) | {"init": {"kind": "point", "at": [0.7, -0.4, 0.3, 0.5, 0.2, -0.6, 0.8, 0.9]}}
            found.append(run(spec)["curl_descent"].isel(lr=0, step=1))
        single, double = found
        for name in (n for n in double.data_vars if str(n).startswith(kind)):
            np.testing.assert_allclose(single[name], double[name], rtol=1e-4, atol=1e-5)

    def test_every_landscape_can_say_whether_it_fits(self, kind):
        unit = DIAGNOSTICS.load(kind)()
        for name in ("himmelblau", "deep_linear", "tensor_pca", "mlp"):
            land = LANDSCAPES.load(name)
            spec = Study.model_validate(study({"kind": name, **(land.example() if hasattr(land, "example") else {})}))
            why = unit.unfit(spec, spec.optimizers[0])
            assert why is None or (isinstance(why, str) and why)


def test_a_diagnostic_is_refused_where_it_is_no_mapping_of_fields():
    with pytest.raises(ValidationError):
        DIAGNOSTICS.load("curl")(size=3)
    assert (scalar({}, 0), list(components({"a": (2,)}, 0))) == ({"": {}}, [""])
