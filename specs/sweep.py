"""Sweeps: several values where a spec field takes one. `Swept[T]` marks a field that may be swept, or written as a formula."""

import ast
import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, TypeVar, Union, get_args

from pydantic_core import PydanticCustomError, core_schema

from .names import parse_expression

T = TypeVar("T")
MAX_VALUES = 1_000_000
MAX_LENGTH = 10_000
"""Characters of a formula."""
FORMS = ("values", "linspace", "logspace")


@dataclass(frozen=True)
class Sweep:
    """Several values of one field. `form` is how the study wrote them: {"logspace": [0.001, 0.1, 20]}.

    `linspace: [a, b, n]` and `logspace: [a, b, n]` include both ends; a and b are the end values themselves.
    """

    values: tuple[Any, ...]
    form: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class NumberFormula:
    """A number written as a formula of the landscape's sizes and parameters, of `t` and `steps`; formulas.py reads it."""

    text: str

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, given: "str | NumberFormula") -> "NumberFormula":
        """From its text. Raises PydanticCustomError for what cannot be a formula, whatever the landscape is."""
        made = cls(str(given))
        if len(made.text) > MAX_LENGTH:
            raise PydanticCustomError("number", "must be a number or a formula of at most {most} characters", {"most": MAX_LENGTH})
        try:
            _ = made.names
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = f" ({error.msg.split(';')[0]})" if isinstance(error, SyntaxError) and made.text.strip() else ""
            raise PydanticCustomError("number", "must be a number or a formula{reason}", {"reason": reason}) from None
        return made

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in it."""
        return frozenset(n.id for n in ast.walk(parse_expression(self.text)) if isinstance(n, ast.Name))

    @property
    def changes(self) -> bool:
        """Whether its value changes from step to step."""
        return "t" in self.names


def resolved(value: Any) -> Any:
    """A structural field's value; of a sweep, which the engine resolves before it runs, the first."""
    return value.values[0] if isinstance(value, Sweep) else value


def values_of(field: Any) -> tuple[Any, ...]:
    """The values of a field, swept or not."""
    return field.values if isinstance(field, Sweep) else (field,)


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


def _problem(message: str, **context: Any) -> PydanticCustomError:
    return PydanticCustomError("sweep", message, context)  # type: ignore[arg-type]


def expand(form: str, given: Any) -> list[Any]:
    """The raw values of `{form: given}`; raises PydanticCustomError where the form is wrong."""
    if not isinstance(given, (list, tuple)):
        raise _problem(f"{form} takes a list")
    if form == "values":
        values = list(given)
    else:
        numeric = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in given]
        if len(given) != 3 or not all(numeric):
            raise _problem(f"{form} takes [first, last, how many], three numbers")
        start, stop, count = given
        if not all(abs(value) <= sys.float_info.max for value in given):  # NaN is no number either
            raise _problem(f"{form} needs three finite numbers")
        if count != int(count) or count < 1:
            raise _problem(f"{form}: 'how many' must be a whole number of at least 1")
        if count > MAX_VALUES:
            raise _problem(f"{form} of {count} values; a sweep holds at most {MAX_VALUES}")
        if form == "logspace" and (start <= 0 or stop <= 0):
            raise _problem("logspace needs two positive ends")
        values = spaced(form, float(start), float(stop), int(count))
    if not values:
        raise _problem("an empty sweep: give at least one value")
    if len(values) > MAX_VALUES:
        raise _problem(f"{len(values)} values; a sweep holds at most {MAX_VALUES}")
    return values


FORMULA = {"type": "string", "minLength": 1, "description": "a formula of sizes, parameters, t and steps"}
"""The JSON schema of a number that is written as a formula."""


class NoFormulas:
    """Marks a part of a study whose numbers are no formulas, for the JSON schema."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return self.without(handler(schema))

    def without(self, schema: Any) -> Any:
        """The schema without formulas."""
        if isinstance(schema, dict):
            return {key: self.without(inner) for key, inner in schema.items()}
        return [self.without(inner) for inner in schema if inner != FORMULA] if isinstance(schema, list) else schema


class SweepMarker:
    """Lets a field of type T also be a sweep over T. `structural`: its values change shapes or code, not numbers."""

    def __init__(self, structural: bool = False):
        self.structural = structural

    def __repr__(self) -> str:
        return f"SweepMarker(structural={self.structural})"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        plain = tuple(a for a in get_args(source) if a not in (Sweep, NumberFormula))
        inner = handler.generate_schema(Union[plain])  # noqa: UP007
        wrapped = core_schema.no_info_wrap_validator_function(
            self.parse,
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value.form if isinstance(value, Sweep) else dump_scalar(value)
            ),
        )
        return core_schema.json_or_python_schema(json_schema=wrapped, python_schema=wrapped)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        inner = handler(schema["json_schema"]["schema"])
        triple = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
        many = {"type": "array", "items": inner, "minItems": 1}
        forms: list[dict[str, Any]] = [
            {"type": "object", "properties": {"values": many}, "required": ["values"], "additionalProperties": False}
        ]
        forms += [{"type": "object", "properties": {form: triple}, "required": [form], "additionalProperties": False} for form in FORMS[1:]]
        if not self.structural:
            forms.append(FORMULA)
        return {"anyOf": [inner, many, *forms]}

    def parse(self, given: Any, handler: Any) -> Any:
        if isinstance(given, (str, NumberFormula)) and not self.structural:
            return NumberFormula.parse(given)
        if isinstance(given, Sweep):
            form, given = next(iter(given.form.items()))
            given = {form: given}
        if isinstance(given, (list, tuple)):
            form, raw = "values", expand("values", given)
        elif isinstance(given, dict) and len(given) == 1 and next(iter(given)) in FORMS:
            form = next(iter(given))
            raw = expand(form, given[form])
        else:
            return handler(given)
        values = tuple(_element(handler, v, k) for k, v in enumerate(raw))
        if len(set(map(repr, values))) != len(values):
            raise _problem("a sweep names one value twice; labels must be unique")
        kept = list(values) if form == "values" else list(given[form])
        return Sweep(values, {form: kept})


def _element(handler: Any, value: Any, position: int) -> Any:
    if isinstance(value, (list, tuple)) or (isinstance(value, dict) and set(value) & set(FORMS)):
        raise _problem("a sweep inside a sweep; list the values flat")
    return handler(value, position)


def dump_scalar(value: Any) -> Any:
    """A field's value as plain data: models become dicts, formulas text, everything else stays."""
    if isinstance(value, NumberFormula):
        return value.text
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


class StructuralValues:
    """Marks a mapping whose values, if swept, change shapes: named sizes."""


Swept = Annotated[T | Sweep | NumberFormula, SweepMarker()]
"""`Swept[T]`: one number T, a sweep over T whose values become per-run numbers of one batch, or a formula."""

Structural = Annotated[T | Sweep, SweepMarker(structural=True)]
"""`Structural[T]`: one T, or a sweep over T in which every value is a batch of its own (a size, a flag, a name)."""
