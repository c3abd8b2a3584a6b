"""Where the entries of views lie, beside NumPy's strides."""

import numpy as np
from hypothesis import given as drawn
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from thalweg.engine.executors.tensors.places import Place, numbers, reshaped, row_major, seen
from thalweg.specs.functions.einsum import permuted
from thalweg.specs.program.function import given
from thalweg.specs.program.node import apply

SIZES = st.sampled_from([1, 2, 3, 4, 6])
SHAPES = st.lists(SIZES, min_size=1, max_size=4).map(tuple)
WIDTHS = st.sampled_from([1, 4, 8])


def laid_out(shape, width):
    """Memory whose rows take whole vectors: (memory, place, entries as an array on it)."""
    place = Place("m", 3, row_major(shape, width))
    memory = np.arange(3.0 + numbers(shape, width))
    return memory, place, on(memory, place, shape)


def on(memory, place, shape):
    """The entries at a place, as a view of the memory."""
    return as_strided(memory[place.offset :], shape, [s * memory.itemsize for s in place.strides], writeable=False)


@st.composite
def views(draw, n):
    """(a view of the node n, the same of an array)."""
    kind = draw(st.sampled_from(["T", "permute", "broadcast", "reshape", "index"]))
    if kind == "T" and n.ndim > 1:
        return apply("T", n), lambda a: np.swapaxes(a, -1, -2)
    if kind == "permute":
        order = tuple(draw(st.permutations(range(n.ndim))))
        return permuted(n, order), lambda a: np.transpose(a, order)
    if kind == "broadcast":
        shape = (*draw(st.lists(SIZES, max_size=1)), *(draw(SIZES) if m == 1 else m for m in n.shape))
        return apply("broadcast", n, shape=list(shape)), lambda a: np.broadcast_to(a, shape)
    if kind == "index" and n.ndim:
        at = tuple(draw(st.one_of(st.integers(-size, size - 1), st.slices(size))) for size in n.shape)
        if 0 not in np.empty(n.shape)[at].shape:
            parts = tuple((one.start, one.stop, one.step) if isinstance(one, slice) else one for one in at)
            return apply("index", n, at=parts), lambda a: a[at]
    shape = draw(st.permutations([m for m in n.shape if m != 1]))
    front = [int(np.prod(shape[:2])), *shape[2:]] if draw(st.booleans()) and len(shape) > 1 else list(shape)
    shape = (*front, *draw(st.sampled_from([(), (1,)])))
    return apply("reshape", n, shape=list(shape)), lambda a: a.reshape(shape)


def place_of(n, whole):
    """Where the entries of a view of views lie, if those of the input at the bottom are there; None if they are in no such order."""
    if not n.args:
        return whole
    under = place_of(n.args[0], whole)
    return None if under is None else seen(n, under)


@drawn(st.data(), SHAPES, WIDTHS)
def test_views_are_numpys(data, shape, width):
    memory, whole, array = laid_out(shape, width)
    n = given("x", shape)
    for _ in range(4):
        n, same = data.draw(views(n))
        array = same(array)
        assert n.shape == array.shape
        place = place_of(n, whole)
        if place is not None:
            np.testing.assert_array_equal(on(memory, place, n.shape), array)
            assert all(s == 0 for s, m in zip(place.strides, n.shape, strict=True) if m == 1)


@drawn(st.data(), SHAPES, WIDTHS)
def test_another_shape_is_a_view_where_numpy_has_one(data, shape, width):
    memory, place, array = laid_out(shape, width)
    order = data.draw(st.permutations(range(len(shape))))
    array = np.transpose(array, order)
    strides = tuple(place.strides[k] for k in order)
    new = data.draw(st.permutations(shape))
    cut = data.draw(st.integers(0, len(new)))
    new = (*new[:cut], int(np.prod(new[cut:])))
    found, copy = reshaped(array.shape, strides, new), array.reshape(new)
    if np.shares_memory(copy, memory):
        np.testing.assert_array_equal(on(memory, Place("m", place.offset, found), new), copy)
    else:
        assert found is None


def test_rows_have_room_for_whole_vectors():
    assert row_major((5, 3), 8) == (8, 1)
    assert row_major((5, 1), 8) == (1, 0)
    assert row_major((2, 1, 9), 4) == (12, 0, 1)
    assert numbers((5, 3), 8) == 40
    assert numbers((), 8) == 1
    assert numbers((1, 1), 8) == 1
    assert numbers((3, 0), 8) == 0
