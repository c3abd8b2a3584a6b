"""Tables of fields in Markdown, with links to the sections of the reference."""

from pydantic import BaseModel
from thalweg.engine.text.fields import REQUIRED, Describer

from .text import cell

SECTIONS = ("landscape", "optimizer", "init", "noise", "schedule", "clip", "average", "sweep", "Data", "Record", "Stop", "Claim")
LINKS = {name: f"#spec-{name.lower()}" for name in SECTIONS}
"""Name of a model or noun of a choice -> the label of its section in the reference (spec.py)."""


def linked(name: str) -> str:
    shown = {"sweep": "(swept)"}.get(name, name)
    return f"[{shown}]({LINKS[name]})" if name in LINKS else shown


def code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def table(owner: type[BaseModel], only: tuple[str, ...] | None = None, skip: tuple[str, ...] = ()) -> str:
    """The fields of a model as a Markdown table."""
    rows = ["| field | type | bounds | default | meaning |", "|---|---|---|---|---|"]
    by_alias = {info.alias or name: name for name, info in owner.model_fields.items()}
    for field in Describer(linked, code).fields(owner):
        name = by_alias[field.name]
        if name in skip or (only is not None and name not in only):
            continue
        default = f"**{REQUIRED}**" if field.default == REQUIRED else field.default
        rows.append("| " + " | ".join((f"`{field.name}`", field.kind, field.bounds, default, cell(field.meaning))) + " |")
    return "\n".join(rows) if len(rows) > 2 else "No fields."
