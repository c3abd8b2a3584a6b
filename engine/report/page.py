"""The page: a template, its style and script, plotly.js and the data, all in one file that needs no network."""

import html
import json
from importlib import resources
from pathlib import Path
from typing import Any

from ...specs.errors import SpecError
from ..comparison import opened
from ..results.groups import has_stages, named
from ..text.whole_file import write_whole

__all__ = ["report"]

SUFFIXES = (".html", ".htm")
SCRIPTS = ("page.js", "result.js", "figure_data.js", "landscape.js", "curves.js", "sweep.js", "probes.js", "stages.js", "tables.js")


def report(store: Any, out: "str | Path | None" = None) -> Path:
    """Write a store (a path or an opened one), or a list of stores, as one HTML page with interactive figures; returns its path, by default NAME.html
    here.

    The page begins with what came out, in a sentence and a table. It holds the landscape with trajectories, curves with bands over the seeds, the sweep, the claims with their verdicts, where
    the store comes from, and the study as YAML; long sweeps and many steps are thinned, and it says so. The page of a store of stages begins
    with the tree of stages, and has each stage's own page in it; that of several landscapes or stores begins with their ranks.

    Raises SpecError if plotly is not installed or for another suffix; StoreError if the store cannot be read or the page not written.
    """
    if out is not None and Path(out).suffix.lower() not in SUFFIXES:
        raise SpecError(f"{out}: a report is a web page; end the name in .html")
    library = plotly()
    from .page_data import payload
    from .stages import several_payload, staged_payload

    sources = list(store) if isinstance(store, (list, tuple)) else [store]
    if not sources:
        raise SpecError("report: give at least one store")
    if len(sources) > 1:
        data = several_payload(dict(named(tuple(sources))))
    else:
        tree = opened(sources[0])
        name = Path(str(sources[0]).rstrip("/")).name if isinstance(sources[0], (str, Path)) else ""
        data = (staged_payload if has_stages(tree) else payload)(tree, name)
    target = Path(out) if out is not None else Path(f"{data['name']}.html")
    write_whole(target, assemble(data, library))
    return target


def plotly() -> str:
    """The text of plotly.js. Raises SpecError if the package is missing."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise SpecError("report: needs the package plotly, which is not installed; pip install 'thalweg[report]'") from None
    return get_plotlyjs()


def assemble(data: dict[str, Any], library: str) -> str:
    """The whole page. Data and title are the only parts that a study's author can influence, and both are escaped."""
    files = resources.files(__package__ or "")
    parts = {
        "TITLE": html.escape(str(data["title"])),
        "STYLE": (files / "page.css").read_text(encoding="utf-8"),
        "DATA": embedded(data),
        "PLOTLY": library,
        "SCRIPT": "\n".join((files / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    page = (files / "page.html").read_text(encoding="utf-8")
    pieces = [page]
    for name, text in parts.items():  # never a replacement inside what was inserted
        head, tail = pieces.pop().split(f"@{name}@")
        pieces += [head, text, tail]
    return "".join(pieces)


def embedded(data: dict[str, Any]) -> str:
    """JSON that can stand inside a script element: no character that could end it or start a comment.

    >>> embedded({"title": "</script>"})
    '{"title":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
