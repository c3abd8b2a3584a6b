"""The bigram model of a language: some tokens decide the next one, others leave it open."""

import functools
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..base import Count, Index, NonNegative, Positive, Probability
from ..init import Init, Point
from ..sweep import Structural, resolved
from .base import Arrays, Landscape


class Bigram(Landscape):
    r"""f(W) = sum_a pi_a KL(p_a || softmax(W_a)): a table of logits W (tokens, vocabulary) learns which token follows which.

    A fraction `certain` of the tokens a has one successor each, the others a law p_a drawn from a Dirichlet distribution of this
    `concentration` (`table_seed`); token frequencies pi_a fall as (a + 1)^-zipf, certain and uncertain tokens in turn. The entropy of the
    p_a is left out, so the minimum is 0. Online noise draws pairs (a, b). Observables: certain and uncertain, the two parts of f.

    The Hessian's block at the optimum is pi_a (diag p_a - p_a p_a^T): 0 for a certain token (the river), sharp for an uncertain one (the
    hill). For SGD with learning rate h and batches of B (derived): certain = D (1 - 1/n) / (h t), D of them with n tokens, once
    pi_a h t >> 1, and uncertain is stationary at (h / 4 B) sum_a pi_a (1 - |p_a|^2). Source: arXiv:2410.05192 (bigram data set).
    """

    kind: Literal["bigram"] = "bigram"
    tokens: Structural[Annotated[Count, Field(le=4096)]] = 16
    vocabulary: Structural[Annotated[Count, Field(ge=2, le=4096)]] = 8
    certain: Structural[Probability] = 0.5
    concentration: Structural[Positive] = 2.0
    zipf: Structural[NonNegative] = 0.0
    table_seed: Structural[Index] = 0

    source = "arXiv:2410.05192"
    domain = (-2.0, 2.0)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (resolved(self.tokens), resolved(self.vocabulary))}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("certain_loss", "uncertain_loss")

    @property
    def sample_size(self) -> int:
        return 1

    def start(self) -> Init:
        return Point(at=0.0)

    @property
    def laws(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p (tokens, vocabulary), pi (tokens,), and which tokens are certain."""
        names = ("tokens", "vocabulary", "certain", "concentration", "zipf", "table_seed")
        return _laws(*(resolved(getattr(self, name)) for name in names))

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return xp.sum(self.losses(x, xp), axis=-1)

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        law, often, _ = (xp.asarray(a, dtype=x.dtype) for a in self.laws)
        w = xp.reshape(x, (*x.shape[:-1], *self.blocks["params"]))
        logs = w - _log_sum(w, xp)
        if batch is None:
            seen, total = often[:, None] * law, often
        else:
            seen = self.counted(batch, x.dtype, xp)
            total = xp.sum(seen, axis=-1)
        gradient = total[..., None] * xp.exp(logs) - seen
        loss = self.value(x, p, xp) if batch is None else -xp.sum(seen * logs, axis=(-2, -1))
        return loss, xp.reshape(gradient, x.shape)

    def counted(self, normal: Any, dtype: Any, xp: Any) -> Any:
        """How often each pair came, (1, seeds, tokens, vocabulary), as a fraction of the batch (seeds, size, 1)."""
        from scipy.special import ndtri

        law, often, _ = self.laws
        edges = ndtri(np.minimum(np.cumsum((often[:, None] * law).reshape(-1))[:-1], 1.0))
        pair = xp.searchsorted(xp.asarray(edges, dtype=normal.dtype), xp.reshape(normal, (-1,)), side="right")
        hit = xp.reshape(pair, (*normal.shape[:2], 1)) == xp.arange(law.size)
        return xp.reshape(xp.mean(xp.astype(hit, dtype), axis=1), (1, normal.shape[0], *law.shape))

    def losses(self, x: Any, xp: Any) -> Any:
        """pi_a KL(p_a || softmax(W_a)), (..., tokens)."""
        law, often, _ = self.laws
        known = xp.asarray(law, dtype=x.dtype)
        entropy = xp.asarray(-np.sum(law * np.log(np.where(law > 0, law, 1.0)), axis=-1), dtype=x.dtype)
        w = xp.reshape(x, (*x.shape[:-1], *self.blocks["params"]))
        cross = xp.sum(known * (_log_sum(w, xp) - w), axis=-1)
        return xp.asarray(often, dtype=x.dtype) * (cross - entropy)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        losses, certain = self.losses(x, xp), xp.asarray(self.laws[2], dtype=x.dtype)
        return {"certain_loss": xp.sum(losses * certain, axis=-1), "uncertain_loss": xp.sum(losses * (1 - certain), axis=-1)}


def _log_sum(w: Any, xp: Any) -> Any:
    """log sum_b exp(w_b), (..., 1)."""
    top = xp.max(w, axis=-1, keepdims=True)
    return top + xp.log(xp.sum(xp.exp(w - top), axis=-1, keepdims=True))


@functools.lru_cache(maxsize=16)
def _laws(tokens: int, vocabulary: int, certain: float, concentration: float, zipf: float, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    known = np.floor(np.arange(1, tokens + 1) * certain + 1e-9) > np.floor(np.arange(tokens) * certain + 1e-9)
    law = rng.dirichlet(np.full(vocabulary, concentration), tokens)
    law[known] = np.eye(vocabulary)[rng.integers(vocabulary, size=tokens)][known]
    often = np.arange(1, tokens + 1.0) ** -zipf
    return law, often / often.sum(), known
