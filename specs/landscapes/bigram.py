"""The bigram model of a language: some tokens decide the next one, others leave it open."""

import dataclasses
import functools
import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..base import Count, Index, NonNegative, Positive, Probability
from ..init import Init, Point
from ..sweep import Structural, resolved
from ._program import Drawn, TensorFormula
from ._tensor_landscape import TensorLandscape
from .base import Arrays


class Bigram(TensorLandscape):
    r"""f(W) = sum_a pi_a KL(p_a || softmax(W_a)): a table of logits W (tokens, vocabulary) learns which token follows which.

    A fraction `certain` of the tokens a has a single successor each. The others have a distribution p_a drawn from a Dirichlet distribution
    with the given `concentration` (`table_seed`). Token frequencies pi_a fall as (a + 1)^-zipf, with certain and uncertain tokens alternating.
    The entropy of the p_a is left out, so the minimum is 0. Online noise draws pairs (a, b). Observables: certain and uncertain, the two parts of f.

    The Hessian's block at the optimum is pi_a (diag p_a - p_a p_a^T): 0 for a certain token (the river), sharp for an uncertain one (the
    hill). For SGD with learning rate h and batches of B (derived): certain = D (1 - 1/n) / (h t), with D certain tokens of n, once
    pi_a h t >> 1, and uncertain is stationary at (h / 4 B) sum_a pi_a (1 - |p_a|^2). Source: arXiv:2410.05192 (bigram data set).
    """

    kind: Literal["bigram"] = "bigram"
    tokens: Structural[Annotated[Count, Field(le=4096)]] = 16
    vocabulary: Structural[Annotated[Count, Field(ge=2, le=4096)]] = 8
    certain: Structural[Probability] = 0.5
    concentration: Structural[Positive] = 2.0
    zipf: Structural[NonNegative] = 0.0
    table_seed: Structural[Index] = 0

    variables = {"params": ("tokens", "vocabulary")}
    define = {
        "surprise": "logsumexp(params, axis=1, keepdims=True) - params",
        "losses": "often * (sum(law * surprise, axis=1) - entropy)",
    }
    formula = "sum(losses)"
    observables = {"certain_loss": "sum(losses * sure)", "uncertain_loss": "sum(losses * (1 - sure))"}
    source = "arXiv:2410.05192"
    domain = (-2.0, 2.0)

    def definition(self) -> TensorFormula:
        law, often, sure = self.laws
        entropy = -np.sum(law * np.log(np.where(law > 0, law, 1.0)), axis=-1)
        return dataclasses.replace(
            super().definition(),
            arrays={"law": law, "often": often, "sure": sure.astype(float), "entropy": entropy},
            fresh={"seen": Drawn(("tokens", "vocabulary"))},
            sampled="sum(seen * surprise)",
        )

    @property
    def sample_size(self) -> int:
        return 1

    def start(self) -> Init:
        return Point(at=0.0)

    @property
    def laws(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p (tokens, vocabulary), pi (tokens,), and which tokens are certain."""
        return _laws(*self._numbers)

    @property
    def _numbers(self) -> tuple[Any, ...]:
        return tuple(resolved(getattr(self, name)) for name in ("tokens", "vocabulary", "certain", "concentration", "zipf", "table_seed"))

    def fresh(self, normal: Any, xp: Any) -> Arrays:
        """`seen` (1, seeds, tokens, vocabulary): how often each pair came, as a fraction of the batch (seeds, size, 1)."""
        seeds, size, _ = normal.shape
        shape, edges = self.laws[0].shape, xp.asarray(_edges(*self._numbers), dtype=normal.dtype)
        pair = xp.reshape(xp.searchsorted(edges, xp.reshape(normal, (-1,)), side="right"), (seeds, size))
        if xp is np:
            numbered = (pair + math.prod(shape) * np.arange(seeds)[:, None]).reshape(-1)
            count = np.bincount(numbered, minlength=seeds * math.prod(shape)).astype(normal.dtype)
        else:
            count = xp.sum(xp.astype(pair[..., None] == xp.arange(math.prod(shape)), normal.dtype), axis=1)
        return {"seen": xp.reshape(count / size, (1, seeds, *shape))}


@functools.lru_cache(maxsize=16)
def _laws(tokens: int, vocabulary: int, certain: float, concentration: float, zipf: float, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    known = np.floor(np.arange(1, tokens + 1) * certain + 1e-9) > np.floor(np.arange(tokens) * certain + 1e-9)
    law = rng.dirichlet(np.full(vocabulary, concentration), tokens)
    law[known] = np.eye(vocabulary)[rng.integers(vocabulary, size=tokens)][known]
    often = np.arange(1, tokens + 1.0) ** -zipf
    return law, often / often.sum(), known


@functools.lru_cache(maxsize=16)
def _edges(*numbers: Any) -> np.ndarray:
    """The standard normal numbers between which each pair comes, in order."""
    from scipy.special import ndtri

    law, often, _ = _laws(*numbers)
    return ndtri(np.minimum(np.cumsum((often[:, None] * law).reshape(-1))[:-1], 1.0))
