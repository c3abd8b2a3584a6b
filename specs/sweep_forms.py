"""The forms in which a study writes the values of a sweep, each a function from what is given to the values.

[1, 2, 4], values: [1, 2, 4]        these
linspace: [a, b, n]                 n numbers, evenly spaced, both ends among them
logspace: [a, b, n]                 n numbers with a constant ratio, both ends among them
arange: [a, b, step]                a, a + step, ... below b, as numpy.arange has them; without a step it is 1
uniform: [a, b, n, seed]            n random numbers between a and b, sorted; without a seed it is 0
loguniform: [a, b, n, seed]         the same of numbers whose logarithm is uniform
"""

import math
import random
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from pydantic_core import PydanticCustomError

MAX_VALUES = 1_000_000


def problem(message: str) -> PydanticCustomError:
    """What is wrong with a sweep, to be raised."""
    return PydanticCustomError("sweep", message)  # type: ignore[arg-type]


def expand(form: str, given: Any) -> list[Any]:
    """The raw values of `{form: given}`; raises PydanticCustomError where the form is wrong."""
    if not isinstance(given, (list, tuple)):
        raise problem(f"{form} takes a list")
    values = FORMS[form](given)
    if not values:
        raise problem("an empty sweep: give at least one value")
    if len(values) > MAX_VALUES:
        raise problem(f"{len(values)} values; a sweep holds at most {MAX_VALUES}")
    return values


def of_values(given: Sequence[Any]) -> list[Any]:
    """The values as they are."""
    return list(given)


def linspace(given: Sequence[Any]) -> list[Any]:
    """Evenly spaced numbers."""
    return spaced("linspace", *three("linspace", given))


def logspace(given: Sequence[Any]) -> list[Any]:
    """Numbers with a constant ratio."""
    start, stop, count = three("logspace", given)
    if start <= 0 or stop <= 0:
        raise problem("logspace needs two positive ends")
    return spaced("logspace", start, stop, count)


def three(form: str, given: Sequence[Any]) -> tuple[float, float, int]:
    """[first, last, how many], checked."""
    if len(given) != 3 or not all(map(is_number, given)):
        raise problem(f"{form} takes [first, last, how many], three numbers")
    if not all(map(is_finite, given)):
        raise problem(f"{form} needs three finite numbers")
    start, stop, count = given
    if count != int(count) or count < 1:
        raise problem(f"{form}: 'how many' must be a whole number of at least 1")
    if count > MAX_VALUES:
        raise problem(f"{form} of {count} values; a sweep holds at most {MAX_VALUES}")
    return float(start), float(stop), int(count)


def spaced(form: str, start: float, stop: float, count: int) -> list[float]:
    """`count` numbers from `start` to `stop`, evenly spaced (linspace) or with a constant ratio (logspace): the numbers that a person would
    write. linspace computes exactly with the decimals of its ends and gives the nearest numbers; logspace rounds to 15 digits.

    >>> spaced("linspace", 0.1, 0.5, 5), spaced("logspace", 0.01, 1.0, 3)
    ([0.1, 0.2, 0.3, 0.4, 0.5], [0.01, 0.1, 1.0])
    """
    if count == 1:
        return [start]
    if form == "linspace":
        ends = Fraction(repr(start)), Fraction(repr(stop))
        whole = math.lcm(*(end.denominator for end in ends))
        a, b = (int(end * whole) for end in ends)
        inner = [(a * (count - 1 - k) + b * k) / (whole * (count - 1)) for k in range(1, count - 1)]  # of whole numbers, hence exact
    else:
        a, b = math.log10(start), math.log10(stop)
        inner = [float(f"{10 ** (a + (b - a) * k / (count - 1)):.15g}") for k in range(1, count - 1)]
    return [start, *inner, stop]


def arange(given: Sequence[Any]) -> list[Any]:
    """Numbers from the first by the step, without the end; whole ones where all that is given is whole.

    >>> arange([2, 10, 3]), arange([0.1, 0.4, 0.1]), arange([3, 0, -1])
    ([2, 5, 8], [0.1, 0.2, 0.3], [3, 2, 1])
    """
    if not 2 <= len(given) <= 3 or not all(map(is_finite, given)):
        raise problem("arange takes [first, end, step], finite numbers; the step may be left out")
    first, end, step = (Fraction(repr(v)) for v in (*given, 1)[:3])
    count = math.ceil((end - first) / step) if step else 0
    if not 1 <= count <= MAX_VALUES:
        raise problem(
            f"arange gives {max(count, 0)} values, and a sweep holds 1 to {MAX_VALUES}; it goes from the first by the step and leaves out the end"
        )
    whole = all(isinstance(v, int) for v in given)
    return [int(v) if whole else float(v) for v in (first + k * step for k in range(count))]


def uniform(given: Sequence[Any]) -> list[Any]:
    """Random numbers between two ends, sorted: the same ones for the same seed, on every machine."""
    low, high, count, draw = drawn("uniform", given)
    return sorted(low + (high - low) * draw() for _ in range(count))


def loguniform(given: Sequence[Any]) -> list[Any]:
    """Random numbers between two ends whose logarithm is uniform, sorted."""
    low, high, count, draw = drawn("loguniform", given)
    if low <= 0:
        raise problem("loguniform needs two positive ends")
    a, b = math.log(low), math.log(high)
    return sorted(min(high, max(low, math.exp(a + (b - a) * draw()))) for _ in range(count))


def drawn(form: str, given: Sequence[Any]) -> tuple[float, float, int, Callable[[], float]]:
    """([low, high, how many, seed], checked, the seed as what draws numbers in [0, 1))."""
    if not 3 <= len(given) <= 4 or not all(map(is_finite, given)):
        raise problem(f"{form} takes [low, high, how many, seed], finite numbers; the seed may be left out")
    low, high, count, seed = (*given, 0)[:4]
    if count != int(count) or not 1 <= count <= MAX_VALUES:
        raise problem(f"{form}: 'how many' must be a whole number from 1 to {MAX_VALUES}")
    if seed != int(seed) or seed < 0:
        raise problem(f"{form}: the seed must be a whole number of at least 0")
    if not low < high:
        raise problem(f"{form} needs a low end below the high one")
    return float(low), float(high), int(count), random.Random(int(seed)).random  # the same numbers in every version of Python


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Whether this is a number, and neither infinite nor NaN."""
    return is_number(value) and abs(value) <= sys.float_info.max


FORMS: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "values": of_values,
    "linspace": linspace,
    "logspace": logspace,
    "arange": arange,
    "uniform": uniform,
    "loguniform": loguniform,
}
"""Every form by the word that a study writes."""
