"""Put what was measured into the systems' pages: python docs/fill.py.

Each page docs/systems/NAME.md gets, between its two marks, the sections of claims.md about the studies of the folder NAME of the gallery. The
gallery of systems, docs/systems/index.md, gets a row of every page: its picture, title and papers, and how many claims passed.
"""

import re
from pathlib import Path

from thalweg.engine.text.whole_file import write_whole
from thalweg.specs.load import systems

HERE = Path(__file__).parent
CLAIMS = re.compile(r"(<!-- claims -->\n).*?(<!-- end of claims -->)", re.DOTALL)
GALLERY = re.compile(r"(<!-- gallery -->\n).*?(<!-- end of gallery -->)", re.DOTALL)


def sections(text: str) -> dict[str, str]:
    """Study name -> its section of the report, one heading deeper."""
    by_study = {}
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        found = re.search(r"`thalweg verify (\S+)`", part)
        if found:
            by_study[found[1]] = "#" + part.strip() + "\n"
    return by_study


def filled(page: str, tables: list[str]) -> str:
    """The page with these tables of claims between its marks."""
    return CLAIMS.sub(lambda m: m[1] + "\n" + "\n".join(tables) + "\n" + m[2], page)


def row(name: str, page: str) -> str:
    """A system's row of the gallery."""
    title = page.splitlines()[0].removeprefix("# ")
    picture = f"[![{title}]({name}.png)]({name}.md)" if (HERE / "systems" / f"{name}.png").exists() else ""
    papers = ", ".join(f"[{one}](https://arxiv.org/abs/{one})" for one in dict.fromkeys(re.findall(r"arxiv\.org/abs/([\d.]+\d)", page)))
    states = re.findall(r"^\| (passed|undecided|failed) \|", page, re.MULTILINE)
    return f"| {picture} | [{title}]({name}.md) | {papers} | {states.count('passed')} of {len(states)} |"


def pages() -> dict[str, Path]:
    """The systems that have a page."""
    return {path.stem: path for path in sorted((HERE / "systems").glob("*.md")) if path.stem != "index"}


def fill() -> dict[Path, str]:
    """The text of every page as it should be."""
    known, texts = sections((HERE / "claims.md").read_text(encoding="utf-8")), {}
    for name, path in pages().items():
        texts[path] = filled(path.read_text(encoding="utf-8"), [known[study] for study in systems()[name] if study in known])
    rows = "\n".join(row(path.stem, text) for path, text in texts.items())
    index = HERE / "systems" / "index.md"
    head = "\n| | system | papers | claims that hold |\n|---|---|---|---:|\n"
    texts[index] = GALLERY.sub(lambda m: m[1] + head + rows + "\n\n" + m[2], index.read_text(encoding="utf-8"))
    return texts


if __name__ == "__main__":
    for path, text in fill().items():
        if text != path.read_text(encoding="utf-8"):
            write_whole(path, text)
            print(f"filled {path.relative_to(HERE)}")
