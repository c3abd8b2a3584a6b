"""What is drawn: laws, shapes, one sample at a time, and the same numbers from other namespaces."""

import array_api_strict
import numpy as np
import pytest
from thalweg.specs.errors import PlacedError
from thalweg.specs.program.draws import KINDS, draw, sample

SIZES = {"d": 3, "m": 4}
TEXTS = {"normal": "d, m", "uniform": "d", "sign": "2*d", "sphere": "d", "permutation": "m", "orthogonal": "d"}


@pytest.mark.parametrize("name", KINDS)
def test_a_sample_is_a_draw_of_its_own(name):
    """Whatever shape the numbers come in, of NumPy or of another namespace."""
    one, many = draw(f"{name}({TEXTS[name]})", SIZES, ("d",)), sample(f"{name}(batch, {TEXTS[name]})", SIZES, ("s",))
    assert (one.shape, one.kind, one.count) == (many.shape, many.kind, many.count)
    z = np.random.default_rng(0).normal(size=(2, 5, one.count))
    made = many.make(z)
    assert made.shape == (2, 5, *one.shape)
    np.testing.assert_array_equal(made[1, 3], one.make(z[1, 3:4])[0])
    strict = many.make(array_api_strict.asarray(z), array_api_strict)
    np.testing.assert_allclose(np.asarray(strict), made, rtol=1e-13, atol=1e-15)
    assert made.dtype == (np.int64 if name == "permutation" else np.float64)
    assert many.make(z.astype(np.float32)).dtype == (np.int64 if name == "permutation" else np.float32)


def test_laws():
    z = np.random.default_rng(1).normal(size=(4000, 9))
    uniform = draw("uniform(9)", {}, ()).make(z)
    assert abs(np.sort(uniform.ravel()) - (np.arange(36000) + 0.5) / 36000).max() < 0.012
    np.testing.assert_allclose((sample("sphere(batch, 9)", {}, ()).make(z) ** 2).sum(-1), 1, rtol=1e-12)
    rotated = draw("orthogonal(3)", {}, ()).make(z)
    np.testing.assert_allclose(rotated @ np.swapaxes(rotated, -1, -2), np.broadcast_to(np.eye(3), (4000, 3, 3)), atol=1e-12)
    assert np.abs(rotated.mean(0)).max() < 0.05
    assert set(np.unique(draw("sign(9)", {}, ()).make(z))) == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("normal(d, batch)", "x: the first size must be `batch`, the size of the noise's batches: normal(batch, d, batch)"),
        ("normal()", "x: the first size must be `batch`, the size of the noise's batches: normal(batch)"),
        ("gauss(batch)", "x: there is no draw 'gauss' (known: normal, uniform, sign, sphere, permutation, orthogonal)"),
        ("orthogonal(batch)", "x: orthogonal takes one size beside `batch`, 0 given"),
        ("normal(batch, q)", "x: there is no size 'q'"),
        (
            "batch",
            "x: 'batch' is not a draw; write one of normal, uniform, sign, sphere, permutation, orthogonal with its sizes: normal(batch, d)",
        ),
    ],
)
def test_what_is_no_sample_is_one_line(text, words):
    with pytest.raises(PlacedError) as error:
        sample(text, SIZES, ("x",))
    assert str(error.value).startswith(words)
    assert len(str(error.value).splitlines()) == 1
