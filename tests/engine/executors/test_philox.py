"""The random streams: published known answers, distributions, independence of how they are cut."""

import numpy as np
import pytest
from scipy import stats
from thalweg.engine.executors import philox

KNOWN = [  # Random123's kat_vectors for philox4x32-10: counter, key, result
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(counter, key, result):
    made = philox.philox(*(np.array([c], dtype=np.uint64) for c in counter), *key)
    assert tuple(int(word[0]) for word in made) == result


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normals_are_normal(dtype):
    z = philox.normal(7, philox.NOISE, np.arange(2000), np.arange(20), 3, dtype)
    assert z.dtype == dtype
    assert z.shape == (20, 2000, 3)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    correlations = np.corrcoef(z.reshape(-1, 3).T) - np.eye(3)
    assert abs(correlations).max() < 5 / np.sqrt(40_000)


def test_student_t_has_its_distribution():
    df = np.array([3.0, 8.0]).reshape(2, 1, 1)[:, None]
    t = philox.student_t(7, philox.NOISE, np.arange(20_000), [5], 2, df, np.float64)
    for k, nu in enumerate((3, 8)):
        assert stats.kstest(t[k].ravel(), "t", args=(nu,)).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniforms_stay_inside_the_open_interval(dtype):
    u = philox.uniform(1, philox.INIT, np.arange(50_000), [0], 8, dtype)
    assert u.min() > 0
    assert u.max() < 1
    assert stats.kstest(u.ravel()[:100_000], "uniform").pvalue > 1e-3


def test_integers_cover_their_range_evenly():
    n = philox.integers(1, philox.BATCH, np.arange(5000), np.arange(4), 5, 10)
    counts = np.bincount(n.ravel(), minlength=10)
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_draw_depends_on_its_address_only():
    full = philox.normal(3, philox.NOISE, np.arange(10), np.arange(6), 5, np.float64)
    part = philox.normal(3, philox.NOISE, np.arange(4, 7), np.arange(2, 4), 5, np.float64)
    assert np.array_equal(full[2:4, 4:7], part)
    fewer = philox.normal(3, philox.NOISE, np.arange(10), np.arange(6), 4, np.float64)
    assert np.array_equal(full[..., :4], fewer)


def test_streams_seeds_and_steps_differ():
    made = [
        philox.normal(root, stream, [seed], [step], 4, np.float64)
        for root in (0, 1)
        for stream in range(4)
        for seed in (0, 1)
        for step in (0, 1, 2**32)
    ]
    assert len({m.tobytes() for m in made}) == len(made)


@pytest.mark.parametrize(("steps", "seeds", "blocks"), [(1, 700, 3), (5, 40, 11), (300, 2, 1), (2, 3, 300)])
def test_words_made_piece_by_piece_are_the_same(steps, seeds, blocks, monkeypatch):
    address = 7, philox.NOISE, np.arange(seeds) + 3, np.arange(steps) + 2**32 - 2, blocks
    whole = philox.words(*address)
    monkeypatch.setattr(philox, "MANY", 64)
    monkeypatch.setattr(philox, "PIECE", 128)
    for one, other in zip(whole, philox.words(*address), strict=True):
        np.testing.assert_array_equal(np.broadcast_to(one, other.shape), other)
