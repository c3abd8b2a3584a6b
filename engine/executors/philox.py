"""Philox4x32-10, a counter-based random number generator: a run's noise is a pure function of its address.

The address is (root seed, stream, seed index, step, component), so draws do not depend on batch size, shard, thread, device or resume.
The 64-bit key is splitmix64(root seed + (stream + 1) * 0x9E3779B97F4A7C15); the counter words are (component block, low word of step,
seed index, high word of step). Source: Salmon et al. 2011, doi:10.1145/2063384.2063405 (Random123).
"""

import math
from typing import Any

import numpy as np

INIT, NOISE, BATCH, OPTIMIZER, DISORDER, PROBE = range(6)
"""The streams: where a run starts, its gradient noise, its minibatches, the optimizer's own randomness, a random landscape's, what probes draw."""

_MASK = (1 << 64) - 1
MANY, PIECE = 2**17, 2**15
"""Blocks from which on NumPy makes them piece by piece, and how many are a piece: ten rounds over arrays that stay in the cache take a third of the time."""


def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: int, k1: int, xp: Any = np) -> tuple[Any, Any, Any, Any]:
    """Ten rounds on arrays of 32-bit words held in uint64, which are broadcast; returns four such arrays."""
    low = xp.asarray(0xFFFFFFFF, dtype=xp.uint64)
    half = xp.asarray(32, dtype=xp.uint64)
    m0, m1 = xp.asarray(0xD2511F53, dtype=xp.uint64), xp.asarray(0xCD9E8D57, dtype=xp.uint64)
    for _ in range(10):
        p0, p1 = m0 * c0, m1 * c2
        key0, key1 = xp.asarray(k0, dtype=xp.uint64), xp.asarray(k1, dtype=xp.uint64)
        c0, c1, c2, c3 = (p1 >> half) ^ (c1 ^ key0), p1 & low, (p0 >> half) ^ (c3 ^ key1), p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def stream_key(root_seed: int, stream: int) -> tuple[int, int]:
    """The two key words of a stream: splitmix64's finalizer of (root seed, stream)."""
    z = (root_seed + (stream + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    z ^= z >> 31
    return z & 0xFFFFFFFF, z >> 32


def words(root_seed: int, stream: int, seeds: Any, steps: Any, blocks: int, xp: Any = np) -> tuple[Any, Any, Any, Any]:
    """Four 32-bit words (as uint64) a component block: arrays (steps, seeds, blocks)."""
    k0, k1 = stream_key(root_seed, stream)
    seeds = xp.asarray(seeds, dtype=xp.uint64)[None, :, None]
    steps = xp.asarray(steps, dtype=xp.uint64)[:, None, None]
    block = xp.arange(blocks, dtype=xp.uint64)[None, None, :]
    low, half = xp.asarray(0xFFFFFFFF, dtype=xp.uint64), xp.asarray(32, dtype=xp.uint64)
    shape = (steps.shape[0], seeds.shape[1], blocks)
    if xp is not np or math.prod(shape) <= MANY:
        return philox(block, steps & low, seeds, steps >> half, k0, k1, xp)
    made = np.empty((4, *shape), np.uint64)
    some = max(1, min(shape[1], PIECE // blocks))
    at_once = max(1, PIECE // (some * blocks))
    for t in range(0, shape[0], at_once):
        for s in range(0, shape[1], some):
            step, part = steps[t : t + at_once], seeds[:, s : s + some]
            for whole, piece in zip(made, philox(block, step & low, part, step >> half, k0, k1), strict=True):
                whole[t : t + at_once, s : s + some] = piece
    return made[0], made[1], made[2], made[3]


def uniform(root_seed: int, stream: int, seeds: Any, steps: Any, count: int, dtype: Any, xp: Any = np) -> Any:
    """(steps, seeds, count) numbers in (0, 1), centred in their cells: 53 bits for float64 (two words each), 23 for float32."""
    if dtype == xp.float32:
        blocks = -(-count // 4)
        made = words(root_seed, stream, seeds, steps, blocks, xp)
        flat = xp.stack([_cell(w, xp) for w in made], axis=-1)
    else:
        blocks = -(-count // 2)
        a, b, c, d = words(root_seed, stream, seeds, steps, blocks, xp)
        cells = [wide(a, b, xp), wide(c, d, xp)]
        flat = xp.stack(cells, axis=-1)
    return xp.reshape(flat, (*flat.shape[:-2], -1))[..., :count]


def wide(high: Any, low: Any, xp: Any) -> Any:
    """Two words as a float64 in (0, 1): the top 52 bits, centred in their cell, so neither 0 nor 1 can come out."""
    bits = (high << xp.asarray(20, dtype=xp.uint64)) | (low >> xp.asarray(12, dtype=xp.uint64))
    return (xp.astype(bits, xp.float64) + 0.5) * float(2.0**-52)


def normal(root_seed: int, stream: int, seeds: Any, steps: Any, count: int, dtype: Any, xp: Any = np) -> Any:
    """(steps, seeds, count) standard normals by Box-Muller: components 2j and 2j + 1 share one pair of uniforms.

    In float32 a pair needs two words, so that one block (j, step // 2) serves an even step and the odd one after it: nothing is wasted.
    `steps` are consecutive.
    """
    pairs = -(-count // 2)
    if dtype == xp.float32:
        ticks = np.arange(int(steps[0]) // 2, int(steps[-1]) // 2 + 1)
        made = [_cell(w, xp) for w in words(root_seed, stream, seeds, ticks, pairs, xp)]
        both = [xp.reshape(xp.stack([made[k], made[k + 2]], axis=1), (-1, *made[k].shape[1:])) for k in (0, 1)]
        first = int(steps[0]) - 2 * int(ticks[0])
        radius, angle = (u[first : first + len(steps), ...] for u in both)
    else:
        u = uniform(root_seed, stream, seeds, steps, 2 * pairs, dtype, xp)
        radius, angle = u[..., 0::2], u[..., 1::2]
    r = xp.sqrt(-2 * xp.log(radius))
    return _interleave(r * xp.cos(2 * np.pi * angle), r * xp.sin(2 * np.pi * angle), count, xp)


def student_t(root_seed: int, stream: int, seeds: Any, steps: Any, count: int, df: Any, dtype: Any, xp: Any = np) -> Any:
    """(..., seeds, count) Student-t numbers for df (..., 1, 1), by Bailey's generalisation of Box-Muller: sqrt(df (u^(-2/df) - 1)) cos(2 pi v).
    Each component has its own pair. With w = -log u and z = 2 w / df the root is e^(z/2) sqrt(df (1 - e^-z)), of which no part overflows
    unless the number does; where z is below the precision it is sqrt(2 w), the normal law's. Source: Bailey 1994,
    doi:10.1090/S0025-5718-1994-1219702-8."""
    u = uniform(root_seed, stream, seeds, steps, 2 * count, dtype, xp)
    w, angle = -xp.log(u[..., 0::2]), u[..., 1::2]
    z = w * (2 / df)
    squares = xp.where(z < xp.finfo(dtype).eps, 2 * w + 0 * z, -df * xp.expm1(-z))
    half = xp.exp(0.25 * z)  # twice, lest it overflow where the root is small
    return half * (half * (xp.sqrt(squares) * xp.cos(2 * np.pi * angle)))


def integers(root_seed: int, stream: int, seeds: Any, steps: Any, count: int, high: int, xp: Any = np) -> Any:
    """(steps, seeds, count) whole numbers in [0, high): one word each, by multiply and shift (bias below high / 2^32)."""
    blocks = -(-count // 4)
    made = xp.stack(words(root_seed, stream, seeds, steps, blocks, xp), axis=-1)
    flat = xp.reshape(made, (*made.shape[:-2], -1))[..., :count]
    return xp.astype((flat * xp.asarray(high, dtype=xp.uint64)) >> xp.asarray(32, dtype=xp.uint64), xp.int64)


def order(root_seed: int, stream: int, seeds: Any, step: int, count: int, xp: Any = np) -> Any:
    """(seeds, count) orders of 0, ..., count - 1, all equally likely: each a sort of random numbers with 52 bits; two that are equal stay as
    they lie."""
    keys = uniform(root_seed, stream, seeds, [step], count, xp.float64, xp)[0, ...]
    return xp.astype(xp.argsort(keys, axis=-1, stable=True), xp.int32)


def _cell(word: Any, xp: Any) -> Any:
    """A word as a float32 in (0, 1): its top 23 bits, centred in their cell."""
    return (xp.astype(word >> xp.asarray(9, dtype=xp.uint64), xp.float32) + 0.5) * float(2.0**-23)


def _interleave(a: Any, b: Any, count: int, xp: Any) -> Any:
    flat = xp.stack([a, b], axis=-1)
    return xp.reshape(flat, (*flat.shape[:-2], -1))[..., :count]
