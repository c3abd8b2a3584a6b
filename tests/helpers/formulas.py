"""Formulas and points at which executors may part: kinks, limits, overflow."""

import re

from thalweg.specs.expression import Formula

TEXTS = [
    *(
        "max(log(x), 0)",
        "max(0, log(x))",
        "min(0, log(x))",
        "max(0, x)",
        "max(x, 0)",
        "min(x, 1)",
        "maximum(x, -x)",
        "abs(x)",
        "sign(x)*x**2",
    ),
    *(
        "exp(x)/(1 + exp(x))",
        "1/(1 + exp(-x))",
        "log(1 + exp(x))",
        "sigmoid(x)*sigmoid(-x)",
        "softplus(x)",
        "logaddexp(x, 2*x)",
        "log1p(x)",
    ),
    *(
        "expm1(x)/x",
        "exp(log(x))",
        "sqrt(x)**2",
        "x/x",
        "log(x) - log(x)",
        "0*log(x)",
        "x**0",
        "exp(x) - exp(x)",
        "1/(1/x)",
        "exp(x)/(2 + exp(x))",
    ),
    *(
        "x**x",
        "abs(x)**x",
        "sqrt(x**2)",
        "sqrt(abs(x))",
        "x*sqrt(x)",
        "sqrt(x)",
        "x**0.25",
        "x**1.5",
        "x**-2",
        "(x**2)**(x**2 + 1)",
        "2**x",
    ),
    *(
        "where(x > 0, log(x), 0)",
        "where(log(x) > 0, 1, 2)*x",
        "exp(-1/x**2)",
        "x*log(x)",
        "sin(sqrt(x**2))**2",
        "tanh(x)",
        "arctan(x)",
        "cos(pi*x)",
    ),
    *(
        "x**64",
        "x**65",
        "cosh(x)",
        "x**(1/3)",
        "e**x",
        "log(exp(x) + exp(-x))",
        "x*abs(x)**2.5",
        "sin(3*x) + cos(3*x)",
        "k**x",
        "x**k",
        "max(k, x)",
    ),
]
POINTS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.5, 1e-12, 1e-30, 60.0, 90.0, -90.0, 800.0, -800.0, 1e30, -1e30]


def separate(texts):
    """One formula, the sum of all, each in a variable of its own and an observable too: so one kernel computes every value and slope."""
    names = tuple(f"x{k}" for k in range(len(texts)))
    each = [re.sub(r"\bx\b", name, text) for text, name in zip(texts, names, strict=True)]
    return Formula(" + ".join(each), names, None, ("k",), tuple((f"o{k}", text) for k, text in enumerate(each)))
