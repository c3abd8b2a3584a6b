"""einsum("ij,jk->ik", A, B): products of arrays summed over the letters that are not on the right."""

import itertools
import math
from typing import Any

from ..program.function import Composed, Function, as_float, reshaped
from ..program.node import Node, Wrong, apply, node


class Einsum(Composed):
    """One letter an axis. A letter that two operands have is one index, a letter that stands twice in one operand its diagonal, and what is not
    on the right is summed. It is made of products of matrices, products of entries and sums, two operands at a time, those first whose product
    is cheapest. Source of the notation: Einstein 1916, doi:10.1002/andp.19163540702."""

    name = "einsum"
    group = "products"
    examples = (
        *('einsum("ij,jk->ik", A, B)', 'einsum("ij,kj->ik", x, z)', 'einsum("ij->ji", x)', 'einsum("ij->", x)', 'einsum("ii->i", A)'),
        *(
            'einsum("ii->", A*B)',
            'einsum("i,i->", v, w)',
            'einsum("i,j->ij", v, w)',
            'einsum("ij,ij->i", x, z)',
            'einsum("bi,ij,bj->b", x, A, z)',
        ),
        *(
            'einsum("bi,bj->bij", x, z)',
            'einsum("bij,bj->bi", stack(x, z), x[:2])',
            'einsum(",ij->ij", s, x)',
            'einsum("ijk->kij", stack(x, z))',
        ),
        *('einsum("ij,j,jk,k->i", x, v, A, w)', 'einsum("bqd,bkd->bqk", stack(x, z), stack(z, x))', 'einsum("ab,cd->cbda", x[:2], z[:2])'),
        *('einsum("iji->j", stack(A, B, A, B)[:, :3])', 'einsum("i,i,i->i", v, w, v)'),
    )

    def build(self, *args: Node, subscripts: Any = None, **options: Any) -> Node:
        left, right, sizes = parsed(subscripts, args)
        terms = [single(as_float(a), letters) for a, letters in zip(args, left, strict=True)]
        while len(terms) > 1:
            first, second = min(itertools.combinations(range(len(terms)), 2), key=lambda pair: cost(terms, pair, sizes))
            rest = [term for k, term in enumerate(terms) if k not in (first, second)]
            kept = set(right).union(*(letters for _, letters in rest))
            terms = [
                *rest,
                pair_of(summed_to(terms[first], kept | set(terms[second][1])), summed_to(terms[second], kept | set(terms[first][1])), kept),
            ]
        made, letters = summed_to(terms[0], set(right))
        return permuted(made, tuple(letters.index(letter) for letter in right))


Term = tuple[Node, str]
"""An operand and the letters of its axes, each once."""


def parsed(subscripts: Any, args: tuple[Node, ...]) -> tuple[list[str], str, dict[str, int]]:
    """The letters of each operand, those on the right, and the size of each. Raises Wrong for what does not fit the operands."""
    text = subscripts.replace(" ", "") if isinstance(subscripts, str) else ""
    left, arrow, right = text.partition("->")
    letters = left.split(",")
    if not arrow or not all(part == "" or (part.isascii() and part.isalpha()) for part in [*letters, right]):
        raise Wrong(
            'einsum takes letters for the axes of every operand and of the result, as in einsum("ij,jk->ik", A, B), without ellipsis'
        )
    if len(letters) != len(args):
        raise Wrong(f"'{text}' has letters for {len(letters)} operand{'s' * (len(letters) > 1)}, {len(args)} given", *args)
    sizes: dict[str, int] = {}
    owner: dict[str, int] = {}
    for k, (part, a) in enumerate(zip(letters, args, strict=True)):
        if len(part) != a.ndim:
            raise Wrong(f"'{part}' names {len(part)} ax{'is' if len(part) == 1 else 'es'}, and {{{k}}} has {a.ndim}", *args)
        for letter, n in zip(part, a.shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise Wrong(f"the letter {letter} is {sizes[letter]} in {{{owner[letter]}}} and {n} in {{{k}}}", *args)
            owner.setdefault(letter, k)
    for letter in right:
        if letter not in sizes or right.count(letter) > 1:
            raise Wrong(f"the letter {letter} is on the right of '{text}' {'twice' if letter in sizes else 'only'}", *args)
    return letters, right, sizes


def cost(terms: list[Term], pair: tuple[int, int], sizes: dict[str, int]) -> int:
    """How many products of numbers two operands take."""
    return math.prod(sizes[letter] for letter in set(terms[pair[0]][1] + terms[pair[1]][1]))


def single(a: Node, letters: str) -> Term:
    """An operand with each letter once: the diagonal of two axes that have the same."""
    for letter in letters:
        if letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            n, others = a.shape[i], [k for k in range(a.ndim) if k not in (i, j)]
            square = permuted(a, (*others, i, j))
            flat = reshaped(square, (*square.shape[:-2], n * n))
            every = ((None, None, None),) * len(others)
            return single(apply("index", flat, at=(*every, (None, None, n + 1))), "".join(letters[k] for k in others) + letter)
    return a, letters


def summed_to(term: Term, kept: set[str]) -> Term:
    """The operand summed over the letters that are not kept."""
    a, letters = term
    axes = tuple(k for k, letter in enumerate(letters) if letter not in kept)
    return (apply("sum", a, axis=axes), "".join(letter for letter in letters if letter in kept)) if axes else term


def pair_of(first: Term, second: Term, kept: set[str]) -> Term:
    """The product of two operands, summed over the letters that are not kept."""
    (a, of_a), (b, of_b) = first, second
    both = [letter for letter in of_a if letter in of_b]
    front, inner = [letter for letter in both if letter in kept], [letter for letter in both if letter not in kept]
    rows, columns = [letter for letter in of_a if letter not in both], [letter for letter in of_b if letter not in both]
    a = permuted(a, tuple(of_a.index(letter) for letter in [*front, *rows, *inner]))
    b = permuted(b, tuple(of_b.index(letter) for letter in [*front, *inner, *columns]))
    f, r, c = len(front), len(rows), len(columns)
    made = "".join([*front, *rows, *columns])
    shape = (*a.shape[: f + r], *b.shape[b.ndim - c :])
    if not inner:
        return reshaped(a, (*a.shape, *(1,) * c)) * reshaped(b, (*b.shape[:f], *(1,) * r, *b.shape[f:])), made
    if not rows and not columns:
        return apply("sum", a * b, axis=tuple(range(f, a.ndim))), made
    depth = math.prod(a.shape[f + r :])
    matrices = (
        reshaped(a, (*a.shape[:f], math.prod(a.shape[f : f + r]), depth)),
        reshaped(b, (*b.shape[:f], depth, math.prod(shape[f + r :]))),
    )
    return reshaped(matrices[0] @ matrices[1], shape), made


class Permute(Function):
    """The axes in another order."""

    name = "permute"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), order = arrays, made.option("order")
        runs = len(x.shape) - len(order)
        return xp.permute_dims(x, (*range(runs), *(k + runs for k in order)))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        order = y.option("order")
        return (permuted(g, tuple(order.index(k) for k in range(y.ndim))),)


PERMUTE = Permute()


def permuted(a: Node, order: tuple[int, ...]) -> Node:
    """The array with its axes in this order."""
    n = a.ndim
    if order == tuple(range(n)):
        return a
    if order == (*range(n - 2), n - 1, n - 2):
        return apply("T", a)
    return node(PERMUTE, (a,), [a.shape[k] for k in order], a.kind, [a.axes[k] for k in order], order=order)
