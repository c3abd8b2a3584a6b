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

    classes_needed = 2
    source = "Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.2"

    @property
    def head(self) -> Literal["softmax", "sigmoid", "mse"]:
        return "sigmoid"

    @property
    def layers(self) -> list[tuple[int, int]]:
        return [(self.dataset.x.shape[1], 1)]

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.dataset.x.shape[1],), "b": (1,)}

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"data": {"builtin": "blobs", "classes": 2}, "l2": 0.1}
