"""The formulas of formulas.py as CUDA source in Numba's simulator, against the array executor; prints what differs.

Run by test_formula_executors.py with `-m` as a process of its own, since NUMBA_ENABLE_CUDASIM is read when Numba is imported.
"""

import sys
import warnings

import numpy as np
from numba import cuda
from thalweg.engine.executors.codegen.formula_source import formula_source, scratch_rows
from thalweg.engine.executors.codegen.module_frame import THREAD
from thalweg.specs.calculus import calculus
from thalweg.specs.expression import parse

from .formulas import POINTS, TEXTS, separate


def main(precision):
    warnings.simplefilter("ignore")
    formula = separate([text for text in TEXTS if "pi*" not in text])  # a device rounds pi x
    parsed, names = parse(formula), formula.variables
    made = {}
    exec(compile(formula_source(parsed, precision, THREAD, True, True), "generated", "exec"), made)  # noqa: S102 our own source
    landscape, observe = made["landscape"], made["observe"]

    @cuda.jit
    def kernel(x, loss, gradient, seen, p, scratch, limit):
        landscape(x, loss, gradient, p, scratch, limit)
        observe(x, seen, p, scratch, limit)

    p, rows = np.full((1, 1), 1.5, precision), scratch_rows(parsed)
    tolerance, rounding = {"float32": (2e-5, 3e-7), "float64": (1e-13, 4e-16)}[precision]
    for point in POINTS:
        x = np.full((len(names), 1), point, precision)
        loss, gradient, seen, scratch = (np.zeros(shape, precision) for shape in (1, x.shape, x.shape, (rows, 1)))
        kernel[1, 1](x, loss, gradient, seen, p, scratch, np.dtype(precision).type(np.finfo(precision).max))
        c, numbers = calculus(formula), {"k": p[0]}
        slopes, values = c.value_and_grad(x.T, numbers, np)[1].T, c.observe(x.T, numbers, np)
        for k, (name, text) in enumerate(formula.observables):
            np.testing.assert_allclose(seen[k], values[name], rtol=tolerance, atol=rounding, err_msg=f"{text} at {point}")
            if np.isfinite(values[name]).all():
                np.testing.assert_allclose(gradient[k], slopes[k], rtol=tolerance, atol=rounding, err_msg=f"slope of {text} at {point}")


if __name__ == "__main__":
    main(sys.argv[1])
