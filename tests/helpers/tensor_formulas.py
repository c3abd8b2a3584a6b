"""Formulas over tensors that tests of several executors run: one that is random once a seed, one on new samples at every step."""

DRAWN = {
    "kind": "expression",
    "sizes": {"n": 11, "d": 3},
    "variables": {"w": ["d"], "M": ["d", "d"]},
    "draws": {"x": "normal(n, d)", "truth": "normal(d)"},
    "parameters": {"l2": [0.0, 0.1]},
    "value": "mean((x @ M @ w - x @ truth)**2) + l2*sum(w**2)",
    "observables": {"far": "norm(M @ w - truth)"},
}
STREAM = {
    "kind": "expression",
    "sizes": {"d": 3},
    "variables": {"w": ["d"]},
    "samples": {"x": "normal(batch, d)"},
    "value": "mean((x @ w - sum(x, axis=1))**2)",
    "population": "sum((w - 1)**2)",
}
