"""Random orthogonal matrices, for landscapes whose eigenvectors are not the axes."""

import numpy as np


def rotation(rng: np.random.Generator, dim: int) -> np.ndarray:
    """A random orthogonal matrix (dim, dim), Haar distributed. Source: Mezzadri, arXiv:math-ph/0609050."""
    q, r = np.linalg.qr(rng.standard_normal((dim, dim)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)
