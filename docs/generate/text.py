"""Docstrings as Markdown. They are plain text with `code` in backticks, and formulas as one types them, which become mathematics."""

import inspect
import re
import textwrap
from collections.abc import Collection
from typing import Any

from .mathematics import NoFormula, equations, inline

SPECIAL = re.compile(r"([\\*_\[\]<>#|~$^{}])")
FORMULA = re.compile(r"^(?P<words>[^=<]*): (?P<formula>.*(?:<-|=).*)$", re.DOTALL)
SOURCE = re.compile(r"(arXiv:[\w./-]+\d|doi:(?:[^\s,;()]|\([^\s()]*\))*(?:\w|\([^\s()]*\))|https?://[^\s,;)]+[\w/])")
"""Sources in a text. Brackets in a DOI, as in doi:10.1016/0893-6080(90)90029-K, belong to it; one that closes a remark around it does not."""


def escaped(text: str) -> str:
    """Text that Markdown shows as it stands, `code` apart; sources become links."""
    made = []
    for k, part in enumerate(re.split(r"(`[^`\n]*`)", text)):
        pieces = [part] if k % 2 else SOURCE.split(part)
        made += [piece if k % 2 else link(piece) if j % 2 else SPECIAL.sub(r"\\\1", piece) for j, piece in enumerate(pieces)]
    return "".join(made)


def link(source: str) -> str:
    """A source as a link, where it is an address."""
    at, shown = address(source), SPECIAL.sub(r"\\\1", source)
    return f"[{shown}](<{at}>)" if at else shown


def address(source: str) -> str | None:
    """The address of a source, None where it is a book."""
    for prefix, base in (
        ("arXiv:", "https://arxiv.org/abs/"),
        ("doi:", "https://doi.org/"),
        ("http://", "http://"),
        ("https://", "https://"),
    ):
        if source.startswith(prefix):
            return base + source.removeprefix(prefix).replace("<", "%3C").replace(">", "%3E")
    return f"https://{source}" if re.match(r"[\w-]+(\.[\w-]+)+/", source) else None


def cell(text: str) -> str:
    """Text for a table."""
    return " ".join(escaped(text).split())


def paragraphs(thing: Any) -> list[str]:
    """The paragraphs of a docstring, unwrapped; those of preformatted lines keep them."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "") if not isinstance(thing, str) else inspect.cleandoc(thing)
    return [part if is_block(part) else " ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def is_block(paragraph: str) -> bool:
    return all(line.startswith("    ") for line in paragraph.splitlines())


def code(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.strip(chr(10))}\n```"


def markdown(thing: Any, lead: bool = False) -> str:
    """A docstring as Markdown. With `lead` the formula of its first sentence stands by itself, an equation a line, and blocks are formulas, too."""
    names = getattr(thing, "model_fields", ())
    made = []
    for k, part in enumerate(paragraphs(thing)):
        found = FORMULA.match(part) if lead and k == 0 else None
        if is_block(part):
            made.append(display(textwrap.dedent(part), names) if lead else code(textwrap.dedent(part)))
        elif found:
            formula, rest = first_sentence(found["formula"])
            made += [prose(found["words"], names) + ":", display(formula, names), prose(rest, names)]
        else:
            made.append(prose(part, names) if lead else escaped(part))
    return "\n\n".join(part for part in made if part)


def prose(text: str, names: Collection[str]) -> str:
    """Text whose formulas are mathematics."""
    pieces = [piece for part in re.split(r"(`[^`\n]*`)", text) for piece in ([(part, False)] if part[:1] == "`" else inline(part, names))]
    return "".join(f"${piece}$" if formula else escaped(piece) for piece, formula in pieces)


def display(formula: str, names: Collection[str]) -> str:
    """Equations by themselves, as mathematics; as they are typed where they are no mathematics."""
    try:
        return f"$$\n{equations(formula, names)}\n$$"
    except NoFormula:
        return code("\n".join(re.split(r"; +(?=[^;]*(?:<-|=))", formula)))


def first_sentence(text: str) -> tuple[str, str]:
    """The first sentence without its full stop, and the rest; a full stop ends one where a capital or a `name` follows."""
    found = re.search(r"(?<=[^.\s])\.(?:\s+(?=[A-Z`])|$)", text)
    return (text[: found.start()], text[found.end() :].strip()) if found else (text, "")
