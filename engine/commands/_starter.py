"""The study that `thalweg new` begins with."""

import re
from pathlib import Path

from ...specs import load
from ...specs.errors import SpecError, suggest


def starter(name: str, like: str | None = None, network: bool = False) -> str:
    """The text of a commented study of this name, of a formula of two variables or a network on data; or a copy of a bundled one. Raises SpecError
    if there is none such."""
    if like is None:
        file = "starter_network.yaml" if network else "starter.yaml"
        return Path(load.__file__).with_name(file).read_text(encoding="utf-8").replace("NAME", name)
    if network:
        raise SpecError("new: --network and --like are two studies to begin with; give one")
    known = load.gallery()
    if like not in known:
        raise SpecError(f"--like {like}: there is no bundled study of that name{suggest(like, known)} (thalweg list studies)")
    text = known[like].read_text(encoding="utf-8")
    return re.sub(r"^name: .*$", f"name: {name}", text, count=1, flags=re.MULTILINE)
