"""The file of a picture, which shows itself in a notebook."""

from pathlib import Path
from typing import Any

TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".gif": "image/gif", ".pdf": "application/pdf"}


class Drawn(type(Path())):
    """The path of a picture that was drawn."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a notebook shows: the picture, at half its size in pixels, which is then as sharp as the screen."""
        kind = TYPES.get(self.suffix.lower())
        if kind is None or not self.exists():
            return {"text/plain": repr(str(self))}
        data: Any = self.read_text(encoding="utf-8") if kind == "image/svg+xml" else self.read_bytes()
        bundle: dict[str, Any] = {kind: data, "text/plain": repr(str(self))}
        if kind != "image/png":
            return bundle
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))  # of the IHDR chunk, which comes first
        return bundle, {kind: {"width": width // 2, "height": height // 2}}
