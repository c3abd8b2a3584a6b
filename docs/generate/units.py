"""The galleries: an overview and a page a landscape or optimizer, made from its class."""

import inspect
import sys
from pathlib import Path
from typing import Any

from thalweg.engine.text.whole_file import write_whole
from thalweg.optimizers._matrix import MatrixOptimizer
from thalweg.optimizers._particles import ParticleOptimizer
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.errors import ThalwegError
from thalweg.specs.landscapes._tensor_landscape import TensorLandscape
from thalweg.specs.landscapes.base import FormulaLandscape
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS

from . import draw, fields
from .text import cell, code, escaped, link, markdown

COMMON = ("label", "lr_scale", "schedule", "clip", "average")
FAMILIES = (
    (ElementwiseOptimizer, "Rules that act on each component alone"),
    (MatrixOptimizer, "Rules of matrices"),
    (ParticleOptimizer, "Swarms of particles"),
    (object, "Rules of whole points"),
)


def write(folder: Path) -> None:
    """All pages and pictures of both galleries below this folder."""
    for registry, name, page in ((LANDSCAPES, "landscapes", landscape_page), (OPTIMIZERS, "optimizers", optimizer_page)):
        made = folder / name
        made.mkdir(parents=True, exist_ok=True)
        for kind in registry.kinds():
            put(made / f"{kind}.md", page(registry.load(kind), kind, made))
        put(made / "index.md", overview(registry, name))


def put(path: Path, text: str) -> None:
    """Write a page if it differs, so that what did not change is not built again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def picture(kind: str, folder: Path, paint: Any, cls: type[Any]) -> str:
    """The picture with its caption; drawn if it is older than what it shows."""
    image, note = folder / f"{kind}.png", folder / f"{kind}.txt"
    sources = [Path(draw.__file__), *(Path(inspect.getfile(c)) for c in cls.__mro__ if c.__module__.startswith("thalweg."))]
    if not image.exists() or not note.exists() or image.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        try:
            write_whole(note, paint(kind, image))
        except ThalwegError as error:
            return escaped(f"No picture: {error}")
    return f"![{kind}]({kind}.png)\n\n*{escaped(note.read_text(encoding='utf-8'))}.*"


def landscape_page(cls: type[Any], kind: str, folder: Path) -> str:
    """A landscape: picture, docstring, formula, observables, fields, its file."""
    land = draw.example(kind)
    parts = [f"# {kind}", markdown(cls, lead=True), picture(kind, folder, draw.landscape, cls)]
    if issubclass(cls, FormulaLandscape):
        parts += ["## Formula", "As it is compiled; gradient and Hessian follow from it.", code(cls.formula)]
        parts += [code("\n".join(f"{name} = {text}" for name, text in cls.define.items()))] if cls.define else []
    observables = dict(cls.observables) if issubclass(cls, FormulaLandscape) else {}
    if isinstance(land, TensorLandscape):
        formula = land.definition()
        shapes = ", ".join(f"`{name}` ({', '.join(map(str, shape))})" for name, shape in formula.variables.items())
        parts += ["## Formula", f"Of the example below, over {shapes}; gradient and Hessian follow from it.", code(formula.value)]
        parts += [code("\n".join(f"{name} = {text}" for name, text in formula.define.items()))] if formula.define else []
        observables = dict(formula.observables)
    names = land.observable_names
    if names:
        listed = ", ".join(f"`{name}` = `{observables[name]}`" if name in observables else f"`{name}`" for name in names)
        parts += [f"Recorded along the trajectory: {listed}."]
    parts += ["## In a study", code(f"landscape:\n{snippet(land, cls)}", "yaml"), "## Fields", fields.table(cls)]
    for form in getattr(cls, "forms", ()):
        parts += ["## Over tensors", markdown(form), fields.table(form)]
    return "\n\n".join([*parts, *ending(cls)]) + "\n"


def snippet(land: Any, cls: type[Any]) -> str:
    """The landscape as YAML, with what its example sets."""
    import io

    from ruamel.yaml import YAML

    given = {"kind": land.kind, **(cls.example() if hasattr(cls, "example") else {})}
    text = io.StringIO()
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(given, text)
    return "\n".join("  " + line for line in text.getvalue().splitlines())


def optimizer_page(cls: type[Any], kind: str, folder: Path) -> str:
    """An optimizer: formula, picture, fields, its file."""
    parts = [f"# {kind}", markdown(cls, lead=True), picture(kind, folder, draw.optimizer, cls)]
    lr = cls.model_fields["lr"].default if "lr" in cls.model_fields else None
    parts += [
        "## In a study",
        code(f"optimizers:\n  - kind: {kind}\n    lr: {lr:g}" if lr is not None else f"optimizers:\n  - kind: {kind}", "yaml"),
    ]
    parts += ["## Fields", fields.table(cls, skip=COMMON)]
    parts += ["Fields of every optimizer:", fields.table(cls, only=COMMON)]
    return "\n\n".join([*parts, *ending(cls)]) + "\n"


def ending(cls: type[Any]) -> list[str]:
    """Source of the unit, and the file that is all of it."""
    module = sys.modules[cls.__module__]
    name = cls.__module__.removeprefix("thalweg.").replace(".", "/") + ".py"
    source = [f"Source: {link(cls.source)}."] if getattr(cls, "source", "") else []
    return [*source, "## Source code", f"`{name}`:", code(inspect.getsource(module), "python")]


def overview(registry: Any, name: str) -> str:
    """Thumbnails of all kinds, each a link, and the list for the navigation."""
    kinds = registry.kinds()
    if name == "landscapes":
        intro = "What is minimised. Each is one file; a formula of your own needs none ([how](../../howto/own_formula.md))."
        groups = [("", kinds)]
    else:
        intro = "What moves. Each is one file, or one in a package of your own ([how](../../howto/own_optimizer.md))."
        family = {kind: next(title for base, title in FAMILIES if issubclass(registry.load(kind), base)) for kind in kinds}
        groups = [(title, [kind for kind in kinds if family[kind] == title]) for _, title in FAMILIES]
    parts = [f"# {name.capitalize()}", intro]
    for title, members in groups:
        parts += [f"## {title}"] if title else []
        cards = [
            f"[![{kind}]({kind}.png)\n**{kind}**]({kind}.md)\n{cell(registry.load(kind).describe().split(': ')[0])}" for kind in members
        ]
        parts += ["::::{container} gallery", *(f":::{{container}} card\n{card}\n:::" for card in cards), "::::"]
    parts += ["```{toctree}\n:hidden:\n\n" + "\n".join(kinds) + "\n```"]
    return "\n\n".join(parts) + "\n"
