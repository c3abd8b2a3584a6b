"""Multinomial logistic regression on data."""

from typing import Any, Literal

from ._data import DataLandscape


class SoftmaxRegression(DataLandscape):
    r"""Softmax regression: f(W, b) = mean_i [log sum_c exp(z_ic) - z_i,y_i] + l2/2 |W|^2, with z = X W + b.

    Blocks W (features, classes) and b (classes,); X (n, features), y one of the classes of the data. Convex; strongly so in W for
    `l2` > 0 (b only up to a shift). The gradient is X^T (softmax(z) - onehot(y)) / n + l2 W. Observables: accuracy, and test_loss (no
    l2) and test_accuracy if the data have a test part. scikit-learn's LogisticRegression(C=1/(n l2)) has the same minimum.
    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.
    """

    kind: Literal["softmax_regression"] = "softmax_regression"

    variables = {"W": ("p", "classes"), "b": ("classes",)}
    define = {"z(X)": "X @ W + b"}
    formula = "mean(cross_entropy(z(X), y)) + l2/2*sum(W**2)"
    observables = {
        "accuracy": "mean(argmax(z(X), axis=1) == y)",
        "test_loss": "mean(cross_entropy(z(X_test), y_test))",
        "test_accuracy": "mean(argmax(z(X_test), axis=1) == y_test)",
    }
    source = "Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4"

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"data": {"builtin": "blobs"}, "l2": 0.1}
