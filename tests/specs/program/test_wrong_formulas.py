"""Formulas that are wrong: each is refused in one line that starts with the key, names the part of the formula and tells shapes by name; and
quickly, in little memory, however large what it would unroll to."""

import cProfile
import tracemalloc

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.specs.errors import PlacedError
from thalweg.specs.program import node
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.function import FUNCTIONS, given
from thalweg.specs.program.read import Reading, definitions

SIZES = {"n": 6, "p": 4, "h": 3}
INPUTS = {
    "X": given("X", (6, 4), axes=("n", "p")),
    "W": given("W", (3, 4), axes=("h", "p")),
    "A": given("A", (4, 4), axes=("p", "p")),
    "b": given("b", (3,), axes=("h",)),
    "v": given("v", (4,), axes=("p",)),
    "a": given("a"),
    "y": given("y", (6,), "int", ("n",)),
    "m": given("m", (6,), "bool", ("n",)),
    "c": given("c", (), "int"),
}
DEFINITIONS = {
    "net(x, w)": "tanh(x @ w)",
    "scale": "2*a",
    "same(x)": "x",
    "loop": "loop + 1",
    "even": "odd - 1",
    "odd": "even + 1",
    "rec(x)": "rec(x - 1)",
    "lost(x)": "x + nothing",
    "inner(x)": "x @ W",
    "outer": "net(X, W)",
    "comment": "v # twice",
    **{f"deep{k}(x)": f"deep{k + 1}(x)" for k in range(70)},
    **{f"laugh{k}(x)": f"laugh{k + 1}(x) + laugh{k + 1}(x)" for k in range(18)},
    "laugh18(x)": "x",
    "deep70(x)": "x",
}
X, W, B, V = "X is (n=6, p=4)", "W is (h=3, p=4)", "b is (h=3,)", "v is (p=4,)"
TOGETHER = "do not go together: axes, from the last on, must be equal or 1"
LONG = "with all loops unrolled; use fewer or shorter ones"
SLOW = "it takes too long to unroll"

NAMES = {
    "V": "the name 'V' is not defined; did you mean 'v'?",
    "X @ q": "the name 'q' is not defined (known: X, W, A, b,",
    "scal * v": "did you mean 'scale'?",
    "class + v": "the name 'class' is not defined",
    "tahn(v)": "there is no function 'tahn'; did you mean 'tan'?",
    "crossentropy(X, y)": "there is no function 'crossentropy'; did you mean 'cross_entropy'?",
    "nett(X, A)": "there is no function 'nett'; did you mean 'net'?",
    "print(v)": "there is no function 'print'",
    "unpick(v, y)": "there is no function 'unpick'; did you mean 'pick'?",
    "exp": "exp is a function: write exp(...)",
    "grad": "grad is a function: write grad(...)",
    "X(3)": "X is not a function; write * for a product",
    "2(v)": "`2` cannot be called",
    "(v + a)(2)": "`v + a` cannot be called",
    "X.T(2)": "`X.T` cannot be called",
    "q" * 9000: f"the name '{'q' * 60}' is not defined",
}
SHAPES = {
    "X + W": ("`X + W`", X, W, f"X and W {TOGETHER}"),
    "v + b": ("`v + b`", V, B, f"v and b {TOGETHER}"),
    "X * y": ("`X * y`", X, "y is (n=6,)", f"X and y {TOGETHER}"),
    "v * (2*b)": ("`v * (2 * b)`", V, "2 * b is (h=3,)", TOGETHER),
    "X < b": ("`X < b`", X, B, TOGETHER),
    "where(v > 0, X, b)": ("`where(v > 0, X, b)`", "v > 0 is (p=4,)", B, f"v > 0 and b {TOGETHER}"),
    "where(m, X, X)": ("`where(m, X, X)`", "m is (n=6,)", X, TOGETHER),
    "max(X, b)": ("`max(X, b)`", X, B, TOGETHER),
    "X @ W": ("`X @ W`", X, W, "the last axis of X must be as long as the first of W"),
    "b @ W.T": ("`b @ W.T`", B, "W.T is (p=4, h=3)", "the last axis of b must be as long as the first of W.T"),
    "W @ b": ("`W @ b`", W, B, "the last axis of W must be as long as the only axis of b"),
    "X @ v @ v @ v": ("`X @ v @ v`", "X @ v is (n=6,)", V, "the only axis of v"),
    "a @ v": ("`a @ v`", V, "@ takes arrays, and a and v are not both arrays; write * for numbers"),
    "v.T": ("`v.T`", V, "T takes a matrix"),
    "cross_entropy(v, y)": (
        "`cross_entropy(v, y)`",
        V,
        "y is (n=6,)",
        "one class per row of logits: y must have the shape of v without its last axis",
    ),
    "pick(X, b)": ("`pick(X, b)`", X, B),
    "mse(X, v)": ("`mse(X, v)`", X, V, "mse takes two arrays of one shape"),
    "kl(X, b)": ("`kl(X, b)`", X, B, "as many classes"),
    "dpo(v, v, b, v, 1)": ("`dpo(v, v, b, v, 1)`", V, B, "v and b do not go together"),
    "dpo(v, v, v, v, v)": ("`dpo(v, v, v, v, v)`", V, "one number beta, and v is an array"),
    "comp_sum(X, y, v)": ("`comp_sum(X, y, v)`", V, "one number tau, and v is an array"),
    "reshape(X, [5, 5])": ("`reshape(X, [5, 5])`", X, "24 entries, not 25"),
    "broadcast(v, [3, 5])": ("`broadcast(v, [3, 5])`", V, "cannot be repeated to (3, 5)"),
    "mean(broadcast(v, [0, 4]))": ("(0, 4)", "the mean of nothing"),
    "outer + 1": ("`x @ w`", "x is (n=6, p=4)", "w is (h=3, p=4)"),
    "inner(X)": ("`x @ W`", "x is (n=6, p=4)", W),
}
AXES = {
    "sum(X, axis=2)": ("`sum(X, axis=2)`", X, "X has no axis 2; it has 2, counted from 0"),
    "sum(X, axis=-3)": (X, "no axis -3"),
    "sum(X, axis=0.5)": (X, "no axis 0.5"),
    "sum(X, axis=True)": (X, "no axis True"),
    "sum(X, axis='q')": (X, "X has no axis named 'q'"),
    "sum(X, axis='{9}')": (X, "X has no axis named '{9}'"),
    "sum(X, axis='{')": (X, "X has no axis named '{'"),
    "sum(A, axis='p')": ("A is (p=4, p=4)", "A has more than one axis named 'p'"),
    "sum(X, [0, 0])": (X, "an axis of X is named twice"),
    "mean(X, ['n', 0])": (X, "an axis of X is named twice"),
    "max(X, [7])": (X, "no axis 7"),
    "sum(X, axis=a)": "`a` must be a number made of literals and sizes",
    "sum(X, axes=0)": "sum takes no 'axes'; did you mean 'axis'? (it takes axis, keepdims)",
    "exp(v, axis=0)": "exp takes no 'axis' (it takes no options)",
    "exp(v, name=3)": "exp takes no 'name'",
    "exp([1, 2], v)": "exp takes no 'axis'",
    "sum(X, [0], axis=1)": "'axis' is given twice",
    "sum(X, axis=0, axis=1)": "'axis' is given twice",
    "mean(X, axis='n', keepdims=2)": "keepdims must be True or False",
    "huber(v, delta='a')": "delta must be a number",
    "huber(v, delta=a)": "`a` must be a number made of literals and sizes",
    "reshape(X, [-4, -6])": "a shape is a list of at most 32 whole numbers from 0 to 268,435,456",
    "reshape(X, [1.5, 16])": "a shape is a list of at most 32 whole numbers",
    "reshape(X, ['n', 4])": "a shape is a list of at most 32 whole numbers",
}
ARGUMENTS = {
    "sum()": "`sum()`: sum takes 1 argument, 0 given",
    "sum(X, X, X)": "`sum(X, X, X)`: sum takes 1 argument, 3 given",
    "exp()": "exp takes 1 argument, 0 given",
    "exp(v, v)": "exp takes 1 argument, 2 given",
    "where(m, v)": "where takes 3 arguments, 2 given",
    "pick(X)": "`pick(X)`: pick takes 2 arguments, 1 given",
    "cross_entropy(X)": "cross_entropy takes 2 arguments, 1 given",
    "dpo(v, v, v, v)": "dpo takes other arguments, as in dpo(x, z, v, w, 0.1)",
    "huber(v, 1, 2)": "huber takes other arguments",
    "reshape(X, 24)": "reshape takes 1 argument, 2 given",
    "net(X)": "`net(X)`: net(x, w) takes 2 arguments, 1 given",
    "net(X, A, a)": "net(x, w) takes 2 arguments, 3 given",
    "net(X, w=A)": "net takes its arguments in order, without names",
    "net": "net is a function of 2 arguments: write net(...)",
    "scale(v)": "scale is a value, not a function",
}
KINDS = {
    "cross_entropy(X, b)": (X, B, "takes classes as whole numbers"),
    "cross_entropy(X, m)": (X, "m is (n=6,)", "takes classes as whole numbers"),
    "pick(X, X)": (X, "one whole number per row: X must have the shape of X without its last axis"),
    "where(v, v, v)": (V, "where takes a comparison as its first argument, and v is not one"),
    "-m": ("m is (n=6,)", "negative takes numbers or whole numbers, and m is truth values"),
    "iterate(2.5, d, v, d)": "`2.5` must be a whole number made of literals and sizes",
    "iterate(a, d, v, d)": "`a` must be a whole number made of literals and sizes",
    "huber(v, -1)": "huber takes a delta above 0, not -1",
    "huber(v, delta=True)": "delta must be a number",
}
GRADIENTS = {
    "grad(X, v)": ("`grad(X, v)`", X, "only one number has a gradient, and X is an array; take its sum or mean"),
    "grad(v*v, v)": ("v * v is (p=4,)", "only one number has a gradient"),
    "grad(sum(v), y)": "there is no gradient by y, which is (n=6,) and made of whole numbers",
    "grad(sum(v), m)": "made of truth values",
    "grad(sum(v), c)": "there is no gradient by c",
    "grad(sum(v*n), n)": "there is no gradient by n, which is the number 6",
    "grad(sum(v), pi)": "which is the number 3.14159",
    "grad(sum(v), v*2)": "grad takes a number and a name to differentiate by, as in grad(sum(x*x), x)",
    "grad(sum(v))": "grad takes a number and a name",
    "grad(sum(v), q)": "the name 'q' is not defined",
    "grad(sum(v), by=v)": "grad takes a number and a name",
    "iterate(3, d, v)": "iterate takes a count, a name, its start and the body: iterate(3, d, 0*x, d + x)",
    "iterate(3, 4, v, d)": "iterate takes a count, a name",
    "iterate(3, d, v, d, d)": "iterate takes a count, a name",
    "iterate(count=3)": "iterate takes a count, a name",
    "iterate(3, d, d, d)": "the name 'd' is not defined",
    "iterate(3, d, X, d @ d.T)": ("`iterate(3, d, X, d @ d.T)`", "d starts as (n=6, p=4) and becomes (n=6, n=6)"),
    "iterate(3, d, v, sum(d))": "d starts as (p=4,) and becomes a number",
    "iterate(-1, d, v, d)": "`-1`: iterate makes 0 to 10,000 turns",
    "iterate(10001, d, v, d)": "`10001`: iterate makes 0 to 10,000 turns",
}
CYCLES = {
    "loop": "define.loop: is defined in terms of itself: loop -> loop",
    "2*odd": "define.odd: is defined in terms of itself: odd -> even -> odd",
    "rec(v)": "define.rec: is defined in terms of itself: rec -> rec",
    "deep0(v)": "more than 60 definitions nested in one another",
    "lost(v)": ("define.lost: ", "the name 'nothing' is not defined"),
    "comment": ("define.comment: ", "there are no comments in a formula"),
}
HUGE = {
    "broadcast(v, [100000, 100000, 4])": "broadcast makes 40,000,000,000 numbers in every run; at most 268,435,456 are allowed",
    "broadcast(v, [1e12, 4])": "a shape is a list of at most 32 whole numbers from 0 to 268,435,456",
    "reshape(X, [1e200, 1e200])": "a shape is a list of at most 32 whole numbers",
    "broadcast(a, [30000, 1]) + broadcast(a, [1, 30000])": "add makes 900,000,000 numbers",
    "broadcast(a, [30000, 1]) @ broadcast(a, [1, 30000])": "matmul makes 900,000,000 numbers",
    "iterate(10000, d, v, tanh(d) + exp(d))": ("`tanh(d) + exp(d)`", "more than 20,000 operations", LONG),
    "iterate(10000, d, v, iterate(10000, e, d, e + 1))": ("more than 20,000 operations", LONG),
    "iterate(10000, d, v, iterate(10000, e, v, e))": SLOW,
    "iterate(10000, d, 0, iterate(10000, e, 0, 0))": LONG,
    "iterate(10000, d, v, iterate(9999, e, v, iterate(9998, f, v, f)))": "use fewer or shorter ones",
    "iterate(4000, d, v, d - 0.1*grad(sum(d*d), d))": ("more than 20,000 operations", LONG),
    "iterate(300, d, v, d - 0.1*grad(sum(exp(d)*v), v))": LONG,
    "iterate(30, d, v, grad(sum(d*d*d), v))": LONG,
    "laugh0(v)": ("define.laugh", SLOW),
    "9**9**9": ("`9 ** 9 ** 9`", "is not a finite number"),
    "v * 9**9**9**9": "is not a finite number",
    "v**9**9**9": ("`9 ** 9 ** 9`", "is not a finite number"),
    "iterate(9**9**9, d, v, d)": "is not a finite number",
    "sum(X, axis=9**9**9)": "is not a finite number",
    "1e200 * 1e200 * v": ("`1e+200 * 1e+200`", "is not a finite number"),
    "10**400": "is not a finite number",
    "1e400": "the number 1e309 is too large",
    "0x" + "f" * 9000: "is too large",
    "9" * 5000: "not a formula (Exceeds the limit (4300 digits)",
    "1/0": ("`1 / 0`", "is not a finite number"),
    "(-8)**0.5": ("`(-8) ** 0.5`", "is not a finite number"),
    "v" + " + v" * 3000: "a formula of 12001 characters; at most 10000 are allowed",
    "v" + "+v" * 1900: "a formula of more than 4000 parts",
    "(" * 3000 + "v" + ")" * 3000: "not a formula (too many nested parentheses)",
    "exp(" * 1500 + "v" + ")" * 1500: "not a formula (too many nested parentheses)",
    "-" * 5000 + "v": "too deeply nested",
    "-" * 1500 + "v": "too deeply nested",
    "v" + ".T" * 3000: "too deeply nested",
    "v**" * 900 + "v": "too deeply nested",
    "[" * 80 + "]" * 80: "a list here is not allowed",
}
SYNTAX = {
    "v.shape": "the attribute '.shape' is not allowed",
    "v.__class__.__mro__": "the attribute '.__mro__' is not allowed",
    "().__class__": "the attribute '.__class__' is not allowed",
    "__import__('os').system('true')": "`__import__('os').system` cannot be called",
    "(lambda: v)()": "not a formula",
    "[x for x in X]": "a comprehension is not allowed",
    "sum(x for x in X)": "a comprehension is not allowed",
    "{x: 1 for x in X}": "a comprehension is not allowed",
    "{1, 2}": "a set is not allowed",
    "{}": "a dictionary is not allowed",
    "[1, 2]": "a list here is not allowed",
    "f'{v}'": "text is not allowed",
    "'text'": "'text' is not a number",
    "'x' * 1000000000": "'x' is not a number",
    "exp('v')": "'v' is not a number",
    "b'v'": "b'v' is not a number",
    "1j * v": "1j is not a number",
    "None": "None is not a number",
    "True": "True is not a number",
    "...": "... is not a number",
    "sum(*X)": "sum takes plain arguments, without stars",
    "sum(**X)": "sum takes plain arguments, without stars",
    "*v": "not a formula",
    "(q := v)": "an assignment (:=) is not allowed",
    "v if a else v": "'a if b else c' (use where) is not allowed",
    "v // 2": "// is not allowed",
    "v % 2": "% is not allowed",
    "v & v": "& (write `and`) is not allowed",
    "v | v": "| (write `or`) is not allowed",
    "v ^ 2": "^ is not a power here; write **",
    "~m": "~ is not allowed; write `not`",
    "v << 2": "<< is not allowed",
    "v in X": "one comparison at a time is allowed",
    "0 < v < 1": "one comparison at a time is allowed",
    "v # comment": "# is not allowed; there are no comments in a formula",
    "": "the formula is empty",
    " \n\t": "the formula is empty",
    "v +": "not a formula (invalid syntax), in the formula 'v +'",
    "v v": "not a formula (invalid syntax)",
    "(v": "not a formula ('(' was never closed)",
    "v; v": "not a formula (invalid syntax)",
    "v = 3": "not a formula (invalid syntax)",
    "import os": "not a formula (invalid syntax)",
    "v\x00": "not a formula",
    "v\ud800": "not a formula",
}
ALL = NAMES | SHAPES | AXES | ARGUMENTS | KINDS | GRADIENTS | CYCLES | HUGE | SYNTAX


SLOW_TO_REFUSE = (
    "iterate(10000, d, v, tanh(d) + exp(d))",
    "iterate(10000, d, v, iterate(10000, e, d, e + 1))",
    "iterate(10000, d, v, iterate(10000, e, v, e))",
    "iterate(10000, d, v, iterate(9999, e, v, iterate(9998, f, v, f)))",
    "iterate(300, d, v, d - 0.1*grad(sum(exp(d)*v), v))",
    "iterate(30, d, v, grad(sum(d*d*d), v))",
    "iterate(4000, d, v, d - 0.1*grad(sum(d*d), d))",
    "laugh0(v)",
)
"""What takes seconds while memory is watched; without that, it is refused in about one second."""


def refused(text):
    reading = Reading(INPUTS, SIZES, definitions(DEFINITIONS))
    with pytest.raises(PlacedError) as error:
        reading.read(text)
    return str(error.value)


def refused_with_calls(text):
    """What is said of this formula, and how many functions are called until then: a measure of work that is the same on every machine."""
    profile = cProfile.Profile()
    said = profile.runcall(refused, text)
    return said, sum(function.callcount for function in profile.getstats())


@pytest.fixture(autouse=True, scope="module")
def _functions():
    """Calls and memory are those of reading, not of imports."""
    for kind in FUNCTIONS.kinds():
        FUNCTIONS.load(kind).options()


@pytest.mark.parametrize("text", few(ALL, keep=lambda text: text not in SLOW_TO_REFUSE[:7]), ids=lambda text: repr(text[:50]))
def test_a_wrong_formula_is_refused_in_one_line_that_says_what_is_wrong(text):
    said, calls = refused_with_calls(text)
    assert calls < 4_000_000  # about a second
    assert "\n" not in said
    assert said.startswith(("value: ", "define."))
    assert said.isprintable()
    assert len(said) < 700
    for words in (ALL[text],) if isinstance(ALL[text], str) else ALL[text]:
        assert words in said
    if text.strip() and len(text) <= 10_000 and not said.startswith("define."):
        assert "".join(c for c in " ".join(text.split())[:40] if c.isprintable()) in "".join(said.split("\\x00")).replace("\\ud800", "")


@pytest.mark.parametrize("text", few(HUGE, keep=lambda text: text not in SLOW_TO_REFUSE), ids=lambda text: repr(text[:50]))
def test_what_would_be_huge_takes_little_memory(text):
    tracemalloc.start()
    try:
        refused(text)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


def test_there_are_many():
    assert len(ALL) >= 60
    assert len(ALL) == sum(map(len, (NAMES, SHAPES, AXES, ARGUMENTS, KINDS, GRADIENTS, CYCLES, HUGE, SYNTAX)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"f(x, x)": "x"}, "define.f(x, x): two of its arguments have the same name"),
        ({"f(1)": "x"}, "define.f(1): must be a name, or a name with its arguments: net(x)"),
        ({"f()": "x"}, "define.f(): must be a name"),
        ({"f(x=1)": "x"}, "define.f(x=1): must be a name"),
        ({"f(*x)": "x"}, "define.f(*x): must be a name"),
        ({"x.y": "x"}, "define.x.y: must be a name"),
        ({"1 +": "x"}, "define.1 +: must be a name"),
        ({"": "x"}, "define.: must be a name"),
        ({"f": "1", "f(x)": "x"}, "define.f(x): 'f' is defined twice"),
    ],
)
def test_a_wrong_head_of_a_definition_is_refused(given, said):
    with pytest.raises(PlacedError) as error:
        definitions(given)
    assert str(error.value).startswith(said)


def test_a_program_is_too_large_also_where_others_hold_its_parts():
    half = Reading(INPUTS).read("iterate(9000, d, v, d + v)")
    for text in ("iterate(9000, d, v, d + v) + iterate(9000, e, 2*v, tanh(e))", "iterate(10000, d, v, d + v)"):
        assert "more than 20,000 operations" in refused(text)
    assert half.shape == (4,)


def test_what_reads_like_a_bomb_and_is_none_is_read():
    reading = Reading(INPUTS, SIZES, definitions(DEFINITIONS | {"g0": "v", **{f"g{k + 1}": f"g{k} * g{k}" for k in range(50)}}))
    for text in ("g50", "iterate(1000, d, v, d - 0.1*grad(sum(d*d), d))", "same(" * 50 + "v" + ")" * 50, "v" + " + v" * 900):
        assert reading.read(text).shape == (4,)
    assert reading.read("iterate(10, d, v, iterate(100, e, d, e - 0.1*grad(sum(exp(e)), e)))").shape == (4,)


def test_after_a_wrong_formula_the_next_is_read(monkeypatch):
    monkeypatch.setattr(node, "MAX_WORK", 10_000)  # what takes too long is refused sooner
    reading = Reading(INPUTS, SIZES, definitions(DEFINITIONS))
    for text in ("iterate(10000, d, v, iterate(10000, e, v, e))", "rec(v)", "iterate(3, d, v, d + q)", "grad(v, v)", "laugh0(v)"):
        with pytest.raises(PlacedError):
            reading.read(text)
        assert reading.read("sum(same(v))").shape == ()
        with pytest.raises(PlacedError, match="'d' is not defined"):
            reading.read("d")


@pytest.mark.parametrize(
    ("define", "text", "want"),
    [
        ({"f(s, t)": "grad(s*t, s)"}, "f(a, a)", 3.0),
        ({"f(s)": "grad(s**3, s)"}, "f(a)", 27.0),
        ({"f(s)": "grad(s*g(a), s)", "g(s)": "grad(s*s, s)"}, "f(a)", 6.0),
        ({"f(s)": "grad(grad(s**3, s), s)"}, "f(a)", 18.0),
        ({}, "iterate(1, d, a, iterate(1, e, a, grad(d*e, e)))", 3.0),
        ({"half": "a*a/2"}, "grad(half, a)", 3.0),
    ],
)
def test_a_gradient_by_a_name_is_that_by_the_name_and_not_by_what_else_has_its_value(define, text, want):
    made = Reading(INPUTS, {}, definitions(define)).read(text)
    assert evaluate([made], np, {"a": np.asarray(3.0)})[0] == pytest.approx(want)
