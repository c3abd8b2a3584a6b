"""What a `kind` may be. A `Choice` lists classes; a `Registry` is a folder: a kind is a file's name.

Other packages plug in through entry points of the same name: [project.entry-points."thalweg.optimizers"] lion2 = "their.module".
A unit that fails to import is kept with its error until somebody asks for it, so it does not take the others down.
"""

import importlib
import pkgutil
from typing import Any

from pydantic_core import PydanticCustomError, core_schema

from .base import Unit
from .errors import suggest
from .plugins import plugins

_ROOT = __name__.rpartition(".specs.")[0]


class Choice:
    """The allowed kinds of one part of a study. Use as an annotation: `schedule: Annotated[Schedule, SCHEDULES]`."""

    def __init__(self, noun: str, *classes: type[Unit]):
        self.noun = noun
        self._classes = {cls.model_fields["kind"].default: cls for cls in classes}

    def kinds(self) -> list[str]:
        return sorted(self._classes)

    def load(self, kind: str) -> type[Any]:
        """The class of this kind. Raises LookupError if there is none, ImportError if its module is broken."""
        if kind not in self.kinds():
            raise LookupError(f"there is no {self.noun} '{kind:.60}'{suggest(kind, self.kinds())} (known: {', '.join(self.kinds())})")
        return self._classes[kind]

    def parse(self, given: Any) -> Any:
        """Validate {kind: ..., fields}, or the bare name of a kind, into its class."""
        if isinstance(given, Unit):
            return given
        if isinstance(given, str):
            given = {"kind": given}
        kind = given.get("kind") if isinstance(given, dict) else None
        if not isinstance(kind, str):
            message = "must be a mapping with a `kind`, one of: {known}"
            raise PydanticCustomError("unit_kind", message, {"known": ", ".join(self.kinds())})
        try:
            found = self.load(kind)
        except (LookupError, ImportError) as error:
            raise PydanticCustomError("unit_kind", "{reason}", {"reason": error.args[0]}) from error
        return found.model_validate(given)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        dump = core_schema.plain_serializer_function_ser_schema(lambda unit: unit.model_dump(mode="json"))
        return core_schema.no_info_plain_validator_function(self.parse, serialization=dump)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        classes = [form for kind in self.kinds() for form in (self.load(kind), *getattr(self.load(kind), "forms", ()))]
        return {"anyOf": [{"enum": self.kinds()}, *(handler(cls.__pydantic_core_schema__) for cls in classes)]}


class Registry(Choice):
    """The units of one folder, discovered; adding a file adds a kind."""

    def __init__(self, folder: str, noun: str):
        self.folder, self.noun = folder, noun
        self._paths: dict[str, str] = {}
        self.session: dict[str, tuple[type[Any], str]] = {}
        """Classes that were registered in this session (session.py), with their source text, by kind."""

    def modules(self) -> dict[str, str]:
        """kind -> module that defines it, the folder's own first, then plug-ins in name order."""
        if not self._paths:
            own = {name: f"{_ROOT}.{self.folder}.{name}" for name in self.own_kinds()}
            others = plugins(f"thalweg.{self.folder.rpartition('.')[2]}")
            self._paths = own | {name: module for name, module in others.items() if name not in own}
        return self._paths

    def own_kinds(self) -> list[str]:
        """The kinds of the folder itself, without plug-ins."""
        package = importlib.import_module(f"{_ROOT}.{self.folder}")
        names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
        return [name for name in names if name != "base" and not name.startswith("_")]

    def kinds(self) -> list[str]:
        return sorted({*self.modules(), *self.session})

    def load(self, kind: str) -> type[Any]:
        if kind in self.session:
            return self.session[kind][0]
        if kind not in self.modules():
            raise LookupError(f"there is no {self.noun} '{kind:.60}'{suggest(kind, self.kinds())} (known: {', '.join(self.kinds())})")
        path = self.modules()[kind]
        try:
            module = importlib.import_module(path)
        except Exception as error:
            raise ImportError(f"the {self.noun} '{kind}' ({path}) fails to import: {error!r}") from error
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Unit) and value.model_fields["kind"].default == kind:
                return value
        raise ImportError(f"{path} defines no {self.noun} whose `kind` is '{kind}'")


class Modules(Registry):
    """The modules of one folder, in place of classes: kinds of pictures, views of a comparison."""

    def load(self, kind: str) -> Any:
        """The module of this kind. Raises LookupError if there is none, ImportError if it is broken."""
        if kind not in self.modules():
            raise LookupError(f"there is no {self.noun} '{kind:.60}'{suggest(kind, self.kinds())} (known: {', '.join(self.kinds())})")
        try:
            return importlib.import_module(self.modules()[kind])
        except Exception as error:
            raise ImportError(f"the {self.noun} '{kind}' fails to import: {error!r}") from error

    def summaries(self) -> dict[str, str]:
        """Every kind with the first paragraph of its module's docstring."""
        made = {}
        for kind in self.kinds():
            try:
                made[kind] = " ".join((self.load(kind).__doc__ or "").split("\n\n")[0].split())
            except ImportError as error:
                made[kind] = f"(broken: {error})"
        return made


LANDSCAPES = Registry("specs.landscapes", "landscape")
DIAGNOSTICS = Registry("specs.diagnostics", "diagnostic")
OPTIMIZERS = Registry("optimizers", "optimizer")
PROBES = Registry("engine.probes", "probe")
