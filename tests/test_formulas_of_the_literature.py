"""The studies of docs/howto/formulas.md: each runs for some steps, and its value is right where it is known in closed form."""

import re
from pathlib import Path

import numpy as np
import pytest
import thalweg
from thalweg.specs.load import parse_study
from thalweg.specs.registry import LANDSCAPES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "howto" / "formulas.md"
STUDIES = {
    found[1]: text
    for text in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if (found := re.match(r"name: (\S+)\n", text))
}


class Problem:
    """The landscape of one of the studies for one seed, with chosen numbers where the study sweeps them."""

    def __init__(self, name, **chosen):
        given = parse_study(STUDIES[name], name).landscape.model_dump(mode="json")
        for part in ("parameters", "sizes"):
            given[part] = {key: chosen.get(key, value) for key, value in given[part].items()}
        self.land = LANDSCAPES.load("expression").model_validate(given)
        drawn = self.land.disorder(lambda count: np.random.default_rng(0).standard_normal((1, count)))
        self.drawn = {key: a[0] for key, a in drawn.items()}
        self.numbers = {key: np.full((1, 1), value) for key, value in given["parameters"].items()} | {k: a[None] for k, a in drawn.items()}
        self.data = self.land.dataset

    def flat(self, variables):
        blocks = self.land.blocks
        assert list(variables) == list(blocks)
        return np.concatenate([np.broadcast_to(variables[name], shape).ravel() for name, shape in blocks.items()]).astype(float)[None, None]

    def at(self, **variables):
        """The value, and the gradient by name."""
        value, gradient = self.land.value_and_grad(self.flat(variables), self.numbers, np)
        parts = {name: gradient[0, 0, where].reshape(self.land.blocks[name]) for name, where in self.land.block_slices.items()}
        assert value[0, 0] == pytest.approx(float(self.land.value(self.flat(variables), self.numbers, np)[0, 0]), rel=1e-14)
        return float(value[0, 0]), parts

    def observed(self, name, **variables):
        return float(np.ravel(self.land.observe(self.flat(variables), self.numbers, np)[name])[0])

    def lowest_at(self, **variables):
        """Asserts that a thousand points around have no lower value; returns the value."""
        rng, value = np.random.default_rng(1), self.at(**variables)[0]
        steps = rng.normal(size=(1000, 1, self.land.size)) * np.geomspace(1e-4, 1, 1000)[:, None, None] / np.sqrt(self.land.size)
        assert np.min(self.land.value(self.flat(variables) + steps, self.numbers, np)) >= value - 1e-12
        return value


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def logistic(m):
    return np.mean(np.log1p(np.exp(-m)))


def ridge_logistic():
    problem = Problem("ridge_logistic", l2=0.1)
    label = 2.0 * problem.data.codes() - 1
    value, gradient = problem.at(w=0, b=0)
    assert value == pytest.approx(np.log(2), rel=1e-14)
    np.testing.assert_allclose(gradient["w"], -(label @ problem.data.x) / (2 * len(label)), rtol=1e-12)


def lasso():
    problem = Problem("lasso")
    code = problem.drawn["code"]
    code = np.where(problem.drawn["chance"] < 0.3, 2 * code, 0.1 * code)
    thresholded = np.sign(code) * np.maximum(np.abs(code) - 0.3, 0)
    value = problem.lowest_at(x=thresholded)
    assert value == pytest.approx(np.sum((thresholded - code) ** 2) / 2 + 0.3 * np.abs(thresholded).sum(), rel=1e-12)
    assert problem.observed("nonzero", x=thresholded) == np.mean(thresholded != 0)
    assert value - 0.3 * 0.01 * 20 < problem.observed("smooth", x=thresholded) <= value


def phase_retrieval():
    problem = Problem("phase_retrieval", m=64)
    truth, A = problem.drawn["truth"], problem.drawn["A"]
    for sign in (1, -1):
        value, gradient = problem.at(x=sign * truth)
        assert value == pytest.approx(0, abs=1e-28)
        np.testing.assert_allclose(gradient["x"], 0, atol=1e-13)
        assert problem.observed("distance", x=sign * truth) < 1e-14
    assert problem.at(x=0)[0] == pytest.approx(np.mean((A @ truth) ** 4) / 4, rel=1e-12)


def robust_components():
    problem = Problem("robust_components")
    a, b, wrong = problem.drawn["a"], problem.drawn["b"], problem.drawn["chance"] < 0.05
    value = problem.lowest_at(L=np.outer(a, b))
    assert value == pytest.approx(np.linalg.norm(a) * np.linalg.norm(b) + 5 * wrong.sum() / np.sqrt(20), rel=1e-12)


def soft_margin():
    problem = Problem("soft_margin")
    assert problem.lowest_at(w=[0.5, 0], b=0) == pytest.approx(0.01 / 8, rel=1e-12)
    assert problem.at(w=0, b=0)[0] == 1


def double_backpropagation():
    problem = Problem("double_backpropagation", strength=1.0)
    x, y = problem.data.x, problem.data.codes()
    rng = np.random.default_rng(2)
    W, b = rng.normal(size=(x.shape[1], 3)), rng.normal(size=3)
    p = softmax(x @ W + b)
    slopes = (p - np.eye(3)[y]) @ W.T
    wanted = -np.mean(np.log(p[np.arange(len(y)), y])) + np.mean(np.sum(slopes**2, axis=1))
    assert problem.at(W=W, b=b)[0] == pytest.approx(wanted, rel=1e-12)


def adversarial_training():
    problem = Problem("adversarial_training", reach=0.3)
    x, label = problem.data.x, 2.0 * problem.data.codes() - 1
    w, b = np.linspace(1.5, -0.5, x.shape[1]), 0.3
    margin = label * (x @ w + b)
    assert problem.at(w=w, b=b)[0] == pytest.approx(logistic(margin - 0.3 * np.abs(w).sum()), rel=1e-12)
    assert problem.observed("clean", w=w, b=b) == pytest.approx(logistic(margin), rel=1e-12)


def contrastive():
    assert Problem("contrastive").at(W=0)[0] == pytest.approx(np.log(32), rel=1e-14)


def smoothed_labels():
    problem = Problem("smoothed_labels")
    labels = 0.9 * np.eye(5) + 0.1 / 5
    value, gradient = problem.at(logits=np.log(labels))
    assert value == pytest.approx(-np.sum(labels[0] * np.log(labels[0])), rel=1e-12)
    np.testing.assert_allclose(gradient["logits"], 0, atol=1e-15)
    p = labels[0, 0]
    assert problem.observed("focal_loss", logits=np.log(labels)) == pytest.approx(-((1 - p) ** 2) * np.log(p), rel=1e-12)


def mean_field():
    small, large = Problem("mean_field", h=8), Problem("mean_field", h=32)
    np.testing.assert_array_equal(small.drawn["X"], large.drawn["X"])
    rng = np.random.default_rng(3)
    W, a = rng.normal(size=(3, 8)), rng.normal(size=8)
    value, gradient = small.at(W=W, a=a)
    other, gradients = large.at(W=np.tile(W, 4), a=np.tile(a, 4))
    assert other == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(gradients["W"], np.tile(gradient["W"], 4) / 4, rtol=1e-10, atol=1e-15)


def optimal_design():
    problem = Problem("optimal_design")
    s = np.full(21, -60.0)
    s[[0, 10, 20]] = 0
    assert problem.lowest_at(s=s) == pytest.approx(np.log(27 / 4), rel=1e-12)
    assert problem.observed("largest_variance", s=s) == pytest.approx(3, rel=1e-12)


def differential_equation():
    problem = Problem("differential_equation")
    assert problem.at(w=1, b=0.5, a=0)[0] == pytest.approx(np.pi**4 / 2, rel=1e-12)
    rng = np.random.default_rng(4)
    w, b, a = rng.normal(size=(3, 12))
    x = (np.arange(20) + 0.5) / 20
    u = np.tanh(np.outer(x, w) + b)
    bend = (-2 * u * (1 - u**2) * w**2) @ a
    ends = np.tanh(np.outer([0, 1], w) + b) @ a
    wanted = np.mean((bend + np.pi**2 * np.sin(np.pi * x)) ** 2) + 20 * np.sum(ends**2)
    assert problem.at(w=w, b=b, a=a)[0] == pytest.approx(wanted, rel=1e-11)


CHECKS = [
    *(ridge_logistic, lasso, phase_retrieval, robust_components, soft_margin, double_backpropagation),
    *(adversarial_training, contrastive, smoothed_labels, mean_field, optimal_design, differential_equation),
]


def test_every_study_of_the_page_is_checked():
    assert [check.__name__ for check in CHECKS] == list(STUDIES)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_its_value_is_right_where_it_is_known(check):
    check()


@pytest.mark.parametrize("name", STUDIES)
def test_it_runs_and_descends(name, tmp_path):
    study = tmp_path / f"{name}.yaml"
    study.write_text(STUDIES[name], encoding="utf-8")
    for group in thalweg.run(study, settings=["steps=40", "record={every: 40}"]).children.values():
        loss = group.to_dataset().loss
        assert bool(np.isfinite(loss).all())
        assert float(loss.isel(step=-1).median()) < float(loss.isel(step=0).median())
