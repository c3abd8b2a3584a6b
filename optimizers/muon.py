"""Muon."""

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from ..specs.base import Count, Fraction, NonNegative
from ..specs.sweep import Structural, Swept
from ._matrix import MatrixOptimizer, newton_schulz, polar


class Muon(MatrixOptimizer):
    """Orthogonalised momentum: M <- beta M + (1 - beta) G;  U = beta M + (1 - beta) G if nesterov else M;  W <- (1 - lr wd) W - lr s O(U).

    `method` newton_schulz: O is `ns_steps` steps of Jordan's iteration, with singular values near 1; polar: O is exactly the polar factor, and 0
    in directions in which U is 0. `scale` original: s = sqrt(max(1, rows / cols)); transposed: sqrt(max(1, cols / rows)), for matrices (inputs,
    outputs); match_rms: 0.2 sqrt(max(rows, cols)), the size of Adam's step; none: 1. `momentum` heavy_ball: M <- beta M + G, U = beta M + G,
    which differs only through eps. `bias_correction` divides by 1 - beta^t (with nesterov, M by 1 - beta^(t+1)), which only changes the weights
    of Nesterov's mixture. U is divided by its norm plus `eps`, or with `eps_form: clamp` by the larger of the two.

    `preset` sets fields that are not given: keller (the author's code: these defaults), torch (torch.optim.Muon: lr 1e-3, weight_decay 0.1,
    `eps_form: clamp`), optax (optax.contrib.muon: bias_correction, eps 1e-8, transposed). AdamW updates the other blocks (`rest`).
    Source: https://kellerjordan.github.io/posts/muon/; match_rms: arXiv:2502.16982.
    """

    kind: Literal["muon"] = "muon"
    preset: Literal["keller", "torch", "optax"] | None = None
    lr: Swept[NonNegative] = 0.02
    beta: Swept[Fraction] = 0.95
    weight_decay: Swept[NonNegative] = 0.0
    eps: Swept[NonNegative] = 1e-7
    nesterov: Structural[bool] = True
    momentum: Structural[Literal["ema", "heavy_ball"]] = "ema"
    bias_correction: Structural[bool] = False
    method: Structural[Literal["newton_schulz", "polar"]] = "newton_schulz"
    ns_steps: Structural[Count] = 5
    scale: Structural[Literal["original", "transposed", "match_rms", "none"]] = "original"
    eps_form: Structural[Literal["add", "clamp"]] = "add"

    state = ("m",)
    source = "https://kellerjordan.github.io/posts/muon/"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "keller": {},
        "torch": {"lr": 1e-3, "weight_decay": 0.1, "eps_form": "clamp"},
        "optax": {"bias_correction": True, "eps": 1e-8, "scale": "transposed"},
    }

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, given: Any) -> Any:
        return {**cls.presets.get(str(given.get("preset") or "keller"), {}), **given} if isinstance(given, dict) else given

    @staticmethod
    def update(x, g, m, t, lr, beta, weight_decay, eps, nesterov, momentum, bias_correction, method, ns_steps, scale, eps_form):
        fresh = 1.0 if momentum == "heavy_ball" else 1 - beta
        m = beta * m + fresh * g
        late, now = (1 - beta ** (t + 1), 1 - beta**t) if bias_correction else (1.0, 1.0)
        u = beta / late * m + fresh / now * g if nesterov else m / now
        o = polar(u) if method == "polar" else newton_schulz(u, ns_steps, eps=eps, clamp=eps_form == "clamp")
        rows, cols = x.shape[-2:]
        sizes = {
            "original": max(1, rows / cols) ** 0.5,
            "transposed": max(1, cols / rows) ** 0.5,
            "match_rms": 0.2 * max(rows, cols) ** 0.5,
            "none": 1.0,
        }
        return (1 - lr * weight_decay) * x - lr * sizes[scale] * o, m
