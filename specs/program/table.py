"""The functions of the language by name: each file of specs/functions/ makes one.

Other packages plug in through entry points in the group `thalweg.functions`.
"""

from typing import Any

from ..registry import Modules


class Functions(Modules):
    """The functions of the language: each file of specs/functions/ makes one `function`."""

    def __init__(self, folder: str, noun: str):
        super().__init__(folder, noun)
        self.loaded: dict[str, Any] = {}

    def load(self, kind: str) -> Any:
        """The function of this name. Raises LookupError if there is none, ImportError if its file is broken."""
        found = self.loaded.get(kind)
        if found is None:
            module = super().load(kind)
            classes = [c for c in vars(module).values() if isinstance(c, type) and vars(c).get("name") == kind]
            if not classes:
                raise ImportError(f"{module.__name__} defines no function whose name is '{kind}'")
            found = self.loaded[kind] = classes[0]()
        return found

    def summaries(self) -> dict[str, str]:
        """Every function with the first paragraph of its file."""
        return {kind: " ".join((Modules.load(self, kind).__doc__ or "").split("\n\n")[0].split()) for kind in self.kinds()}


FUNCTIONS = Functions("specs.functions", "function")
