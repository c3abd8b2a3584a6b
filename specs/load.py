"""Study files: YAML to a validated Study, every mistake with file, line, key path, what was given and what is allowed."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .base import Unit
from .dump import plain
from .errors import SpecError
from .fence import IRREGULAR, confine, regular, set_root
from .messages import dotted, problems, short, value_at
from .plain import MAX_BYTES, Key, Source, read_yaml
from .settings import apply_setting, change, cut, parsed_setting
from .several import as_stages, is_several
from .stage_program import Program
from .stages import Stages, is_staged
from .study import Study

MOST = 20
"""Problems that are told; of more, the number."""
GALLERY = Path(__file__).parent / "studies"


def gallery() -> dict[str, Path]:
    """The bundled studies by name."""
    return {path.stem: path for path in sorted(GALLERY.glob("*/*.yaml"), key=lambda path: path.stem)}


def systems() -> dict[str, list[str]]:
    """The names of the bundled studies by system: a folder of studies that belong together."""
    made: dict[str, list[str]] = {}
    for name, path in gallery().items():
        made.setdefault(path.parent.name, []).append(name)
    return dict(sorted(made.items()))


def find_study(given: str | Path) -> Path:
    """A path to a study file, or the name of a bundled study. Raises SpecError if it is neither."""
    if not isinstance(given, (str, Path)):
        raise SpecError(f"a study is a path, the name of a bundled one, a mapping or a Study, given {short(given)}")
    path = Path(given)
    try:
        if path.is_file():
            return path
        if str(given) in gallery():
            return gallery()[str(given)]
        if path.is_dir():
            raise SpecError(f"{given}: is a folder; a study is a YAML file")
        if not regular(path):
            raise SpecError(f"{given}: {IRREGULAR}")
    except (OSError, ValueError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{given:.200}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    near = difflib.get_close_matches(str(given), gallery(), n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise SpecError(f"{given}: there is no such file, and no bundled study of that name{hint} (bundled: {', '.join(gallery())})")


def load_study(
    given: "str | Path | dict[str, Any] | Study", settings: Iterable[str] = (), quick: bool = False, outside: bool = False
) -> Study:
    """A Study from a path, a bundled name, plain data or a Study; `settings` are KEY=VALUE changes made before validation, after the
    study's own `quick` ones if that is asked for. Files that a study file names must lie in its folder or below, unless `outside`.

    Raises SpecError, with every problem found, if it is not valid.
    """
    loaded = load(given, settings, quick, outside)
    if isinstance(loaded, Study):
        return loaded
    names = ", ".join(stage.name for stage in loaded.stages)
    raise SpecError(f"{loaded.name}: has {loaded.part}s ({names}); a single study is needed here")


def load(
    given: "str | Path | dict[str, Any] | Study | Stages", settings: Iterable[str] = (), quick: bool = False, outside: bool = False
) -> "Study | Stages":
    """As load_study; of a file that has stages, those. A setting KEY=VALUE then counts for all stages, STAGE.KEY=VALUE for one. A file of several
    landscapes has a stage for each."""
    settings = [settings] if isinstance(settings, str) else list(settings)
    path = None
    own: dict[Key, type[Unit]] = {}
    if isinstance(given, Stages) or (isinstance(given, Study) and not settings and not (quick and given.quick)):
        return given
    if isinstance(given, (dict, Study)):
        source = Source("study", plain(given, own) if settings or quick else given)
    else:
        path = find_study(given)
        source = read_yaml(read_bytes(path), str(given) if path.suffix in (".yaml", ".yml") and path == Path(given) else path.name)
    settings = with_landscape(source, settings)
    if is_staged(source.data) or is_several(source.data):
        return load_stages(source, settings, quick, path.parent.resolve() if path is not None else None, outside)
    changes = source.data.get("quick") if quick else None
    for key, value in changes.items() if isinstance(changes, dict) else ():
        place = source.at(("quick", key))
        change(source, str(key), value, f"{place}: quick.{key}", place)
    if path is not None:
        set_root(source.data, path.parent.resolve())
        if not outside:
            confine(source, path.parent.resolve())
    problems = []
    for setting in settings:
        try:
            apply_setting(source, setting)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return validate(source, own)


def load_stages(source: Source, settings: list[str], quick: bool, folder: Path | None, outside: bool) -> Stages:
    """The stages of a file in this folder, or of plain data. Arguments as of load."""
    changes: list[tuple[str, Any, str, str]] = []
    given = source.data.get("quick") if quick else None
    for key, value in given.items() if isinstance(given, dict) else ():
        place = source.at(("quick", key))
        changes.append((str(key), value, f"{place}: quick.{key}", place))
    changes += map(parsed_setting, settings)
    several = is_several(source.data)
    if several:
        source, changes = as_stages(source, changes)

    def made(stage: Source, names: Iterable[str]) -> Study:
        if folder is not None:
            set_root(stage.data, folder, tuple(names))
            if not outside:
                confine(stage, folder, tuple(names))
        return validate(stage)

    return Program(source, changes, made, "landscape" if several else "stage").expand()


def with_landscape(source: Source, settings: list[str]) -> list[str]:
    """The settings that are left once those of the whole landscape are made, which may be a list: of a study that then has several."""
    whole = [setting for setting in settings if setting.partition("=")[0].strip() == "landscape"]
    if not whole or is_staged(source.data):
        return settings
    for setting in whole:
        apply_setting(source, setting)
    return [setting for setting in settings if setting not in whole]


def read_bytes(path: Path) -> bytes:
    """The bytes of a study file, one more than allowed at most. Raises SpecError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse_study(text: str, name: str = "study") -> Study:
    """A Study from YAML text."""
    return validate(read_yaml(text.encode("utf-8", "surrogatepass"), name))


def validate(source: Source, own: Mapping[Key, type[Unit]] | None = None) -> Study:
    """The Study, or a SpecError that lists every problem. `own` are the classes of the parts that lie at these paths, where their kind is
    still the same; others are known by their kind."""
    wrong: list[tuple[Key, str]] = []
    for path, kind in sorted((own or {}).items(), key=lambda item: -len(item[0])):
        _rebuild(source.data, path, kind, wrong)
    try:
        study = Study.model_validate(source.data, context={"located": True})
        if not wrong:
            return study
    except ValidationError as error:
        wrong += problems(source.data, error, Study.model_fields)
        bad = {str(e["loc"][0]) for e in error.errors(include_url=False, include_context=False, include_input=False) if e["loc"]}
        wrong += [problem for problem in _crossing(source.data, bad) if problem not in wrong]
    except RecursionError:
        raise SpecError(f"{source.name}: nested too deeply") from None
    lines = [f"{source.at(path)}: {dotted(path)}{': ' if path else ''}{cut(message)}" for path, message in wrong]
    raise SpecError(lines if len(lines) <= MOST else [*lines[:MOST], f"{source.name}: and {len(lines) - MOST} more problems"])


def _crossing(data: dict[str, Any], bad: set[str]) -> list[tuple[Key, str]]:
    """What is wrong between the parts of a study that are not `bad` by themselves: those are left out, with what is said about them."""
    if not bad:
        return []
    parts = {key: value for key, value in data.items() if key in Study.model_fields and key not in bad}
    stand_ins = {"name": "study", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 1}
    try:
        Study.model_validate({**stand_ins, **parts}, context={"located": True, "leave_out": bad | (stand_ins.keys() - parts.keys())})
    except ValidationError as error:
        return problems(parts, error, Study.model_fields)
    return []


def _rebuild(data: Any, path: Key, kind: type[Unit], wrong: list[tuple[Key, str]]) -> None:
    """Make the plain data at `path` a `kind` again, unless a setting made them another; what is wrong with them joins `wrong`."""
    parent, last = value_at(data, path[:-1]), path[-1]
    given = value_at(parent, (last,))
    if isinstance(given, dict) and given.get("kind") == kind.model_fields["kind"].default:
        try:
            parent[last] = kind.model_validate(given)
        except ValidationError as error:
            wrong += [((*path, *inner), message) for inner, message in problems(given, error)]
