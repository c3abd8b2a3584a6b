"""Logistic regression on data with two classes."""

from typing import Any, Literal

from ._data import DataLandscape


class LogisticRegression(DataLandscape):
    r"""Logistic regression: f(w, b) = mean_i [log(1 + exp(z_i)) - y_i z_i] + l2/2 |w|^2, with z = X w + b.

    Blocks w (features,) and b (1,); X (n, features); the two distinct values of y, in sorted order, count as 0 and 1. Convex; strongly so
    in w for `l2` > 0. The gradient is X^T (sigmoid(z) - y) / n + l2 w. Observables: accuracy (the class 1 is predicted where z > 0), and
    test_loss (no l2) and test_accuracy if the data have a test part.
    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.2.
    """

    kind: Literal["logistic_regression"] = "logistic_regression"

    variables = {"w": ("p",), "b": (1,)}
    define = {"z(X)": "X @ w + b", "loss(z, y)": "mean(softplus(z) - y*z)", "share(z, y)": "mean((z > 0) == (y > 0))"}
    formula = "loss(z(X), y) + l2/2*sum(w**2)"
    observables = {
        "accuracy": "share(z(X), y)",
        "test_loss": "loss(z(X_test), y_test)",
        "test_accuracy": "share(z(X_test), y_test)",
    }
    classes_needed = 2
    source = "Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.2"

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"data": {"builtin": "blobs", "classes": 2}, "l2": 0.1}
