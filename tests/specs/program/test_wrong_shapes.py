"""Formulas that do not fit: each is refused in one line, with the part of the formula and the shapes in it."""

import pytest
from thalweg.specs.errors import PlacedError
from thalweg.specs.program.function import given
from thalweg.specs.program.read import Reading

SIZES = {"n": 20, "p": 6, "h": 3}
AXES = {"X": ("n", "p"), "W": ("p", "h"), "A": ("p", "p"), "v": ("p",), "b": ("h",), "s": ()}
KNOWN = {name: given(name, tuple(SIZES[size] for size in axes), axes=axes) for name, axes in AXES.items()}
KNOWN |= {"y": given("y", (20,), "int", axes=("n",)), "S": given("S", (2, 3, 4))}
X, W, A, v, b, S = "X is (n=20, p=6)", "W is (p=6, h=3)", "A is (p=6, p=6)", "v is (p=6,)", "b is (h=3,)", "S is (2, 3, 4)"
LETTERS = 'einsum takes letters for the axes of every operand and of the result, as in einsum("ij,jk->ik", A, B), without ellipsis'
AS_WHOLE = "as a whole number made of literals and sizes"

WRONG = {
    'einsum("ij,jk->ik", W, X)': f"{W}, {X}: the letter j is 3 in W and 20 in X",
    'einsum("ii->i", X)': f"{X}: the letter i is 20 in X and 6 in X",
    'einsum("ij,jk->ik", X, v)': f"{X}, {v}: 'jk' names 2 axes, and v has 1",
    'einsum("ij,jk->ik", X)': f"{X}: 'ij,jk->ik' has letters for 2 operands, 1 given",
    'einsum("ij,jk->il", X, W)': f"{X}, {W}: the letter l is on the right of 'ij,jk->il' only",
    'einsum("ij->ii", X)': f"{X}: the letter i is on the right of 'ij->ii' twice",
    'einsum("ij,jk", X, W)': LETTERS,
    'einsum("...i->i", X)': LETTERS,
    "einsum(X, W)": LETTERS,
    "outer(X, v)": f"{X}, {v}: outer takes two vectors, and X and v are not both vectors",
    "outer(s, v)": f"{v}: outer takes two vectors, and s and v are not both vectors",
    "trace(X)": f"{X}: trace takes a square matrix, and X is not one",
    "trace(S)": f"{S}: trace takes a square matrix, and S is not one",
    "diag(S)": f"{S}: diag takes a vector or a matrix, and S is neither",
    "diag(s)": "diag takes a vector or a matrix, and s is neither",
    "kron(X, v)": f"{X}, {v}: kron takes two matrices or two vectors, and X and v are neither",
    "inv(X)": f"{X}: inv takes a square matrix, and X is not one",
    "inv(v)": f"{v}: inv takes a square matrix, and v is not one",
    "solve(X, v)": f"{X}, {v}: solve takes a square matrix, and X is not one",
    "solve(A, b)": f"{A}, {b}: solve takes a matrix and a vector or matrix with as many rows: A and b do not go together",
    "solve(A, X)": f"{A}, {X}: solve takes a matrix and a vector or matrix with as many rows: A and X do not go together",
    "solve(A, s)": f"{A}: solve takes a matrix and a vector or matrix with as many rows: A and s do not go together",
    "solve(stack(A, A), zeros([3, 6, 1]))": "the axes of stack(A, A) and zeros([3, 6, 1]) before the last two do not go together",
    "logdet(W)": f"{W}: logdet takes a square matrix, and W is not one",
    "cholesky(W)": f"{W}: cholesky takes a square matrix, and W is not one",
    "expm(W)": f"{W}: expm takes a square matrix, and W is not one",
    "eigvalsh(X)": f"{X}: eigvalsh takes a square matrix, and X is not one",
    "svdvals(v)": f"{v}: svdvals takes a matrix, and v is not one",
    "matrix_power(X, 2)": f"{X}: matrix_power takes a square matrix, and X is not one",
    "matrix_power(A, 0.5)": f"matrix_power takes a power {AS_WHOLE}",
    "matrix_power(A, s)": f"matrix_power takes a power {AS_WHOLE}",
    "X[20]": f"{X}: n of X has 20 entries, and there is none at 20",
    "X[n]": f"{X}: n of X has 20 entries, and there is none at 20",
    "X[0, -7]": f"{X}: p of X has 6 entries, and there is none at -7",
    "S[0, :, 4]": f"{S}: axis 2 of S has 4 entries, and there is none at 4",
    "X[0, 1, 2]": f"{X}: X has 2 axes, and 3 are indexed",
    "s[0]": "s has no axes, and 1 is indexed",
    "X[0:21]": f"{X}: n of X has 20 entries, and the slice bound 21 is beyond them",
    "X[:, -7:]": f"{X}: p of X has 6 entries, and the slice bound -7 is beyond them",
    "X[::0]": f"{X}: the step of a slice of X is 0",
    "X[0.5]": f"`0.5` must be {AS_WHOLE[3:]}",
    "X[v]": f"`v` must be {AS_WHOLE[3:]}",
    "flip(X, axis=2)": f"{X}: X has no axis 2; it has 2",
    'flip(X, "h")': f"{X}: X has no axis named 'h'",
    "roll(X, 0.5)": f"roll takes a shift {AS_WHOLE}",
    'roll(X, 1, axis="h")': f"{X}: X has no axis named 'h'",
    "take(X, v)": f"{X}, {v}: take takes whole numbers as its index, and v is something else",
    "take(s, y)": "take takes rows, and s has none",
    "one_hot(v, 3)": f"{v}: one_hot takes whole numbers, and v is something else",
    "one_hot(y, -1)": "one_hot takes a count of at least 0, -1 given",
    "one_hot(y, s)": f"one_hot takes a count {AS_WHOLE}",
    "concat(X, W)": f"{X}, {W}: X and W must have equal axes except for axis 0, along which they are joined",
    "concat(X, A, axis=1)": f"{X}, {A}: X and A must have equal axes except for axis 1, along which they are joined",
    "concat(X, v)": f"{X}, {v}: X and v must have equal axes except for axis 0, along which they are joined",
    "concat(X, X, axis=2)": f"{X}: X has no axis 2; it has 2",
    "concat(X, X, axis=[0, 1])": f"{X}: concat takes one axis",
    "concat(s, s)": "concat takes at least one array, and no numbers, which stack joins",
    "concat([X, W])": "concat takes its arrays one by one, as in concat(a, b, axis=0)",
    "stack(X, W)": f"{X}, {W}: stack takes arrays of one shape, and X and W differ",
    "stack(v, v, b)": f"{v}, {b}: stack takes arrays of one shape, and v and b differ",
    "stack(v, v, axis=2)": f"{v}: stack makes 2 axes, and axis 2 is not one of them",
    "stack()": "stack takes at least one array",
    "zeros(3)": "zeros takes a shape, a list of whole numbers from 0: zeros([3, 4])",
    "ones([2, -1])": "a shape is a list of at most 32 whole numbers from 0 to 268,435,456",
    "zeros([n, h/2])": "a shape is a list of at most 32 whole numbers from 0 to 268,435,456",
    "ones([s])": f"`s` must be a number {AS_WHOLE[18:]}",
    "eye(X)": f"eye takes a size {AS_WHOLE}",
    "eye(-1)": "eye takes a size of at least 0, -1 given",
    "eye(2, 3)": "eye takes 1 argument, 2 given",
    "arange(v)": f"arange takes a count {AS_WHOLE}",
    "arange(1e12)": "arange makes 1,000,000,000,000 numbers in every run; at most 268,435,456 are allowed",
    "eye(1e6)": "equal makes 1,000,000,000,000 numbers in every run; at most 268,435,456 are allowed",
    "zeros([1e6, 1e6])": "makes 1,000,000,000,000 numbers in every run; at most 268,435,456 are allowed",
    "diag(zeros([1e5]))": "makes 10,000,000,000 numbers in every run; at most 268,435,456 are allowed",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_does_not_fit_is_told_with_its_shapes(text):
    with pytest.raises(PlacedError) as refused:
        Reading(KNOWN, SIZES).read(text)
    said = str(refused.value)
    assert WRONG[text] in said
    assert said.endswith(f", in the formula '{text}'")
    assert "\n" not in said
