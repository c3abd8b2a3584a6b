"""Every bundled study runs from the command line into a store, none of its claims fails in its small version, and every one that passes fails
with a wrong constant.

Those whose small version computes for more than two seconds are left to `make verify`; `make claims` runs and prints all of them.
"""

import pytest
from helpers.repetitions import few
from thalweg.engine.api import run
from thalweg.engine.claims.evaluate import Results
from thalweg.engine.claims.stages import across
from thalweg.engine.claims.verdict import FAILED, PASSED, judge, lines
from thalweg.engine.cli import app
from thalweg.specs.load import gallery, load
from thalweg.specs.stages import Stages
from typer.testing import CliRunner

LONG = {
    "attention_copy",
    "averaged_sgd",
    "barrier_hyperbola",
    "barrier_network",
    "barrier_pitchfork",
    "batch_stability",
    "best_rate",
    "bigram",
    "cbo_canyon",
    "cbo_rastrigin",
    "cbo_variants",
    "comp_sum_bound",
    "comp_sum_robust",
    "consensus_hopping",
    "curl_chaos",
    "curl_descent",
    "curl_phase",
    "curl_speed",
    "curl_stability",
    "ensloss_direction",
    "fismo_anisotropy",
    "indicators_network",
    "kernel_digits",
    "least_squares_sampling",
    "lr_transfer_edge",
    "muon_conditioning",
    "muon_digits",
    "muon_river",
    "network_clusters",
    "online_sgd",
    "online_sgd_cubic",
    "opposing_signals",
    "opposing_signals_adam",
    "opposing_signals_dip",
    "opposing_signals_network",
    "river_valley_decay",
    "river_valley_momentum",
    "sample_complexity",
    "singular_likelihood",
    "sphere_uniform",
    "spherical_langevin",
    "spiked_hessian",
    "tensor_pca_even",
    "unlearning_by_matching",
    "zoo_of_networks",
}
AT = {
    "network_clusters": ["landscape.sizes.h=[16]"],
    "curl_phase": ["landscape.inputs=[44, 63]", "landscape.hidden=[176, 157]"],
    "barrier_network": ["trunk.record.state=[0, 2]", "fork.at=[0, 2]"],
    "barrier_pitchfork": ["trunk.record.state=[2]", "fork.at=[2]"],
}
"""Where the stages of a study leave others when all have 4 steps; and fewer shapes of a network."""


def test_the_long_ones_are_there():
    assert set(gallery()) > LONG


def claims_of(name):
    """(claim, what it is judged on) of a study's small version."""
    study = load(name, quick=True)
    tree = run(study)
    if not isinstance(study, Stages):
        results = Results(tree, study)
        return [(claim, results) for claim in study.claims]
    own = [(claim, Results(tree[stage.name], stage.study)) for stage in study.stages for claim in stage.study.claims]
    return own + [(claim, across(tree, study, claim)) for claim in study.claims]


def wrong(claim):
    """The claim with its constant off by five tolerances; the opposite of one that is a bound."""
    if claim.expected is None:
        return claim.model_copy(update={"less_than": claim.greater_than, "greater_than": claim.less_than})
    off = f"({claim.expected})*(1 + 5*({claim.rtol}))" if claim.rtol else f"({claim.expected}) + 5*({claim.atol})"
    return claim.model_copy(update={"expected": off})


WITHOUT_CLAIMS = {"digits_softmax"}
CLAIMED = [name for name in gallery() if name not in WITHOUT_CLAIMS]


@pytest.mark.parametrize("name", few(CLAIMED, keep=[name for name in CLAIMED if name not in LONG]))
def test_no_claim_fails_in_the_small_version_and_all_that_pass_fail_with_a_wrong_constant(name):
    verdicts = [(judge(claim, results), judge(wrong(claim), results)) for claim, results in claims_of(name)]
    assert verdicts
    failed = [" ".join(line) for line in lines([right for right, _ in verdicts]) if line[0] == FAILED]
    assert not failed, "\n".join(failed)
    passed = [" ".join(line) for right, other in verdicts if right.verdict == PASSED and other.verdict != FAILED for line in lines([other])]
    assert not passed, "these claims hold with a wrong constant, too:\n" + "\n".join(passed)


@pytest.mark.parametrize("name", few(gallery(), keep=[name for name in gallery() if name not in CLAIMED or name in LONG]))
def test_it_runs_shortened(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    settings = ["steps=4", "seeds=2", "record.every=2", *AT.get(name, ())]
    ran = CliRunner().invoke(app, ["run", name, *(word for one in settings for word in ("--set", one))])
    assert ran.exit_code == 0, ran.output
    assert (tmp_path / f"{name}.zarr" / "zarr.json").exists()
