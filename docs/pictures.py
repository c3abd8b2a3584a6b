"""Draw the documentation's pictures anew whose code has changed: python docs/pictures.py [NAME ...], or make pictures.

Each picture carries a stamp, the SHA-256 of the code that draws it: of a system's page the file beside it, of plots.md the kind's file and the entry of
plots.py. A picture whose stamp is another is older than its code; a test says so. `--stamp` stamps what is there without drawing it.
"""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

HERE = Path(__file__).parent
KEY = "drawn-by"


def pictures() -> dict[Path, str]:
    """Every picture that is drawn by code, with the stamp that it should have."""
    found = {}
    for code in sorted((HERE / "systems").glob("*.py")):
        if code.stem != "draw":
            found[code.with_suffix(".png")] = digest(code.read_text(encoding="utf-8"))
    for name, entry in plots().items():
        kind = HERE.parent / "engine" / "plot" / f"{entry[1]}.py"
        suffix = ".gif" if entry[1] == "animate" else ".png"
        found[HERE / "plots" / f"{name}{suffix}"] = digest(kind.read_text(encoding="utf-8"), repr(entry))
    return found


def plots() -> dict[str, Any]:
    """The entries of plots.py."""
    spec = importlib.util.spec_from_file_location("plots", HERE / "plots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PICTURES


def digest(*texts: str) -> str:
    """The SHA-256 of some texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def stamp_of(picture: Path) -> str:
    """The stamp in a picture; empty where there is none."""
    if picture.suffix == ".gif":
        data = picture.read_bytes()
        return data[len(without_comment(data)) + 2 : -2].decode("ascii", "replace")
    with Image.open(picture) as image:
        return str(image.info.get(KEY, ""))


def stamp(picture: Path, text: str) -> None:
    """Write a stamp into a picture, whose pixels stay as they are."""
    if picture.suffix == ".gif":
        data = picture.read_bytes()
        assert data[-1:] == b";"
        picture.write_bytes(without_comment(data)[:-1] + b"\x21\xfe" + bytes([len(text)]) + text.encode() + b"\x00;")
        return
    with Image.open(picture) as image:
        image.load()
        info = PngImagePlugin.PngInfo()
        info.add_text(KEY, text)
        image.save(picture, optimize=True, pnginfo=info)


def without_comment(data: bytes) -> bytes:
    """A GIF without the comment of ours at its end."""
    at = data.rfind(b"\x21\xfe")
    return data[:at] + b";" if at >= 0 and at + 3 + data[at + 2] + 2 == len(data) else data


def stale() -> list[Path]:
    """The pictures that are missing or older than the code that draws them."""
    return [picture for picture, wanted in pictures().items() if not picture.exists() or stamp_of(picture) != wanted]


if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if word != "--stamp"]
    known = pictures()
    chosen = [picture for picture in known if picture.stem in names] if names else stale()
    for picture in chosen:
        if "--stamp" not in sys.argv:
            script = HERE / "systems" / "draw.py" if picture.parent.name == "systems" else HERE / "plots.py"
            subprocess.run([sys.executable, str(script), picture.stem], check=True)
        stamp(picture, known[picture])
    print(f"{len(chosen)} picture{'s' * (len(chosen) != 1)} {'stamped' if '--stamp' in sys.argv else 'drawn'}")
