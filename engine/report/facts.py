"""What the page says in words: claims with their verdicts, where the store comes from, the study as YAML."""

from typing import Any

from ...specs import dump
from ...specs.errors import ThalwegError
from ...specs.load import load_study
from ...specs.status import Status
from ...specs.study import Study
from ..comparison import groups
from ..store.provenance import plain

OWN = ("study", "claims", "title", "thalweg_format", "every_chunk")
"""Root attributes that the page shows elsewhere."""
LONGEST = 500
"""Characters of one fact."""


def read_study(raw: dict[str, Any]) -> tuple[Study | None, str]:
    """The study a store holds, or None and why it cannot be made anew here (its data file is gone, for one)."""
    try:
        return load_study(raw), ""
    except (ThalwegError, ValueError, OSError) as error:
        return None, str(error).strip().splitlines()[0][:LONGEST]


def without_roots(raw: Any, empty: tuple[Any, ...] = ()) -> Any:
    """Plain data without the folders of this machine that relative names in it start from, and without fields that are `empty`."""
    if isinstance(raw, dict):
        return {key: without_roots(v, empty) for key, v in raw.items() if key != "root" and v not in empty}
    return [without_roots(v, empty) for v in raw] if isinstance(raw, list) else raw


def as_yaml(raw: dict[str, Any], study: Study | None) -> str:
    """The study as YAML that `thalweg run` takes."""
    return dump.to_yaml(without_roots(dump.plain(study)) if study else without_roots(raw, (None, [], {}, "")))


def claims(tree: Any, raw: dict[str, Any]) -> list[dict[str, Any]]:
    """The verdicts that `thalweg verify` left in the store; of a study that was not verified its claims."""
    if stored := plain(tree.attrs.get("claims")):
        return [dict(claim) for claim in stored]
    return unchecked(raw.get("claims", []))


def unchecked(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Claims that nobody has checked, as plain data, in the form of verdicts."""
    return [
        {
            "name": claim.get("name", ""),
            "group": claim.get("group") or "",
            "verdict": "not checked",
            "measure": claim.get("measure", ""),
            "relation": next((sign for key, sign in (("less_than", "<"), ("greater_than", ">")) if claim.get(key) is not None), "="),
            "expected": next((claim[key] for key in ("expected", "less_than", "greater_than") if claim.get(key) is not None), ""),
            "source": claim.get("source", ""),
        }
        for claim in given
    ]


def provenance(tree: Any, raw: dict[str, Any], name: str) -> list[list[str]]:
    """Rows (what, value): the store's own facts, whatever they are, and how its runs ended."""
    attrs = dict(tree.attrs)
    rows = [["store", name]] if name else []
    version = attrs.pop("thalweg_version", "")
    rows.append(["thalweg", f"{version} (store format {attrs.get('thalweg_format', '?')})"])
    if "wall_seconds" in attrs:
        attrs["wall time"] = f"{float(attrs.pop('wall_seconds')):,.1f} s"
    attrs["complete"] = bool(attrs.get("complete"))
    rows += [[key.replace("_", " "), words(plain(value))] for key, value in attrs.items() if key not in OWN and words(value)]
    rows += [[key.replace("_", " "), f"{raw[key]:,}" if isinstance(raw[key], int) else str(raw[key])] for key in NUMBERS if key in raw]
    for group, dataset in groups(tree).items():
        status = dataset["status"].values
        counts = [(int((status == end).sum()), end.text) for end in Status]
        ended = ", ".join(f"{n:,} {word}" for n, word in counts if n)
        rows.append([f"group {group}", f"{dataset.attrs.get('executor', 'unknown')} executor, {status.size:,} runs: {ended}"])
    return rows


def unfinished(tree: Any, name: str) -> str:
    """What an interrupted store lacks and how to finish it; empty of a whole one."""
    found = [dataset["status"].values for dataset in groups(tree).values()]
    left, count = sum(int((status == Status.UNFINISHED).sum()) for status in found), sum(status.size for status in found)
    remedy = f": thalweg run {name} --resume finishes them; then make this page again" if name else ""
    return f"{left:,} of the {count:,} runs are not finished{remedy}." if left else ""


NUMBERS = ("seeds", "root_seed", "steps", "precision")


def words(value: Any) -> str:
    """A fact as one line."""
    if isinstance(value, dict):
        value = ", ".join(f"{key} {words(inner)}" for key, inner in value.items())
    elif isinstance(value, (list, tuple)):
        value = ", ".join(map(words, value))
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
