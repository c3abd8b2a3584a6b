"""Sweeps: several values where a spec field takes one. `Swept[T]` marks a field that may be swept, or written as a formula.

sweep_forms.py has the forms in which the values are written. In Python also a range or a NumPy array. Where a part stands (`schedule: [constant, {kind: wsd, decay: 0.2}]`) the values are parts.
"""

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args

from pydantic_core import PydanticCustomError, ValidationError, core_schema

from .errors import suggest
from .names import parse_expression
from .sweep_forms import FORMS, expand, problem

T = TypeVar("T")
MAX_LENGTH = 10_000
"""Characters of a formula."""


@dataclass(frozen=True)
class Sweep:
    """Several values of one field. `form` is how the study wrote them: {"logspace": [0.001, 0.1, 20]}.

    `linspace: [a, b, n]` and `logspace: [a, b, n]` include both ends; a and b are the end values themselves.
    """

    values: tuple[Any, ...]
    form: dict[str, list[Any]]

    @property
    def of_parts(self) -> bool:
        """Whether its values are parts of a study (schedules, kinds of noise), not numbers or words."""
        return any(hasattr(value, "kind") for value in self.values)

    @cached_property
    def labels(self) -> tuple[Any, ...]:
        """What stands for the values in the store: numbers and words themselves, for a part its kind, and what tells it from others of that."""
        return labels_of(self.values) if self.of_parts else self.values

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


def comparable(value: Any) -> Any:
    """A value of a sweep as what can be a key: a part as its text."""
    return repr(value) if hasattr(value, "kind") else value


def labels_of(parts: tuple[Any, ...]) -> tuple[str, ...]:
    """A text for each of some parts, or of None: the kind, where that is not enough also what is not as by default, and at last a number.

    >>> from types import SimpleNamespace as Part
    >>> labels_of((None, Part(kind="norm", written={"at": 0.1}), Part(kind="norm", written={"at": 1.0}), Part(kind="value", written={})))
    ('none', 'norm(at=0.1)', 'norm(at=1.0)', 'value')
    """
    kinds = ["none" if part is None else str(part.kind) for part in parts]
    made = []
    for kind, part in zip(kinds, parts, strict=True):
        own = part.written.items() if kinds.count(kind) > 1 and part is not None else ()
        said = ", ".join(f"{name}={value}" for name, value in own if name != "root")  # which is a folder of this machine
        made.append(f"{kind}({said})" if said else kind)
    return tuple(label if made.count(label) == 1 else f"{label}#{k}" for k, label in enumerate(made))


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
    """Lets a field of type T also be a sweep over T. `structural`: its values change shapes or code, not numbers. `parts`: they are whole parts of a
    study, with fields of their own, or None."""

    def __init__(self, structural: bool = False, parts: bool = False):
        self.structural, self.parts = structural, parts

    def __repr__(self) -> str:
        return f"SweepMarker(structural={self.structural})"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        plain = tuple(a for a in get_args(source) if a not in (Sweep, NumberFormula))
        inner = handler.generate_schema(Union[plain])  # noqa: UP007
        wrapped = core_schema.no_info_wrap_validator_function(
            self.parse,
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: (
                    {form: [*map(dump_scalar, given)] for form, given in value.form.items()}
                    if isinstance(value, Sweep)
                    else dump_scalar(value)
                )
            ),
        )
        return core_schema.json_or_python_schema(json_schema=wrapped, python_schema=wrapped)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        while "json_schema" not in schema:  # inside a field's validator
            schema = schema["schema"]
        inner = handler(core_schema.chain_schema([schema["json_schema"]["schema"]]))  # which asks the part for its own schema
        numbers = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 4}
        many = {"type": "array", "items": inner, "minItems": 1}
        forms: list[dict[str, Any]] = [
            {"type": "object", "properties": {"values": many}, "required": ["values"], "additionalProperties": False}
        ]
        forms += [
            {"type": "object", "properties": {form: numbers}, "required": [form], "additionalProperties": False} for form in list(FORMS)[1:]
        ]
        if not self.structural:
            forms.append(FORMULA)
        return {"anyOf": [inner, many, *forms]}

    def parse(self, given: Any, handler: Any) -> Any:
        if isinstance(given, (str, NumberFormula)) and not self.structural:
            return NumberFormula.parse(given)
        if isinstance(given, Sweep):
            form, given = next(iter(given.form.items()))
            given = {form: given}
        given = as_plain(given)
        if isinstance(given, (list, tuple)):
            form, raw = "values", expand("values", given)
        elif isinstance(given, dict) and len(given) == 1 and next(iter(given)) in FORMS:
            form = next(iter(given))
            given = {form: as_plain(given[form])}
            raw = expand(form, given[form])
        elif isinstance(given, dict) and not self.parts:
            try:
                return handler(given)
            except ValidationError:
                raise problem(no_form(given)) from None
        else:
            return handler(given)
        values = tuple(_element(handler, v, k) for k, v in enumerate(raw))
        if len(set(map(repr, values))) != len(values):
            raise problem("a sweep lists one value twice; labels must be unique")
        kept = list(values) if form == "values" else list(given[form])
        return Sweep(values, {form: kept})


def no_form(given: dict[Any, Any]) -> str:
    """What is wrong with a mapping that is no form of a sweep."""
    known = f"write a list such as [1, 2, 4], or a mapping with one of: {', '.join(FORMS)}"
    if len(given) != 1:
        return f"is not a sweep ({known})"
    name = str(next(iter(given)))
    return f"there is no form of a sweep '{name:.60}'{suggest(name, FORMS)} ({known})"


def _element(handler: Any, value: Any, position: int) -> Any:
    if isinstance(value, (list, tuple)) or (isinstance(value, dict) and set(value) & set(FORMS)):
        raise problem("a sweep inside a sweep; write all values in one flat list")
    made = handler(as_plain(value), position)
    if hasattr(made, "swept") and made.swept():
        raise problem("a sweep inside a sweep; write one part of the list for each value of the inner sweep")
    return made


def as_plain(value: Any) -> Any:
    """A range as a list, and a NumPy array or number as Python's own."""
    if isinstance(value, range):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") and hasattr(value, "dtype") and value.ndim <= 1 else value


def dump_scalar(value: Any) -> Any:
    """A field's value as plain data: models become dicts, formulas text, everything else stays."""
    if isinstance(value, NumberFormula):
        return value.text
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


class StructuralValues:
    """Marks a mapping whose values, if swept, change shapes: named sizes."""


Swept = Annotated[T | Sweep | NumberFormula, SweepMarker()]
"""`Swept[T]`: one number T, a sweep over T whose values become per-run numbers of one batch, or a formula."""

if TYPE_CHECKING:
    Parts = Annotated[T, "what is simulated has one of each"]
else:
    Parts = Annotated[T | Sweep, SweepMarker(structural=True, parts=True)]
"""`Parts[T]`: one T, a whole part of a study, or a sweep over such parts."""

Structural = Annotated[T | Sweep, SweepMarker(structural=True)]
"""`Structural[T]`: one T, or a sweep over T in which every value is a batch of its own (a size, a flag, a name)."""
