"""Put what was measured into the systems' pages: the section of each study from claims.md between the page's two marks."""

import re
from pathlib import Path

from thalweg.engine.text.whole_file import write_whole

HERE = Path(__file__).parent
MARKS = re.compile(r"(<!-- claims: ([^>]*) -->\n).*?(<!-- end of claims -->)", re.DOTALL)


def sections(text: str) -> dict[str, str]:
    """Study name -> its section of the report, one heading deeper."""
    made = {}
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        found = re.search(r"`thalweg verify (\S+)`", part)
        if found:
            made[found[1]] = "#" + part.strip() + "\n"
    return made


def filled(page: str, known: dict[str, str]) -> str:
    """The page with its claims. Raises KeyError for a study that the report lacks."""
    return MARKS.sub(lambda m: m[1] + "\n" + "\n".join(known[name] for name in m[2].split()) + "\n" + m[3], page)


if __name__ == "__main__":
    report = sections((HERE / "claims.md").read_text(encoding="utf-8"))
    for path in sorted(HERE.glob("*.md")):
        old = path.read_text(encoding="utf-8")
        new = filled(old, report)
        if new != old:
            write_whole(path, new)
            print(f"filled {path.name}")
