"""One exception for everything a user can get wrong, with the place where it went wrong."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from .text import printable


class ThalwegError(Exception):
    """Base of every error that thalweg raises on purpose. `exit_code` is what the command line returns for it.

    Its text can be shown on a terminal whatever a study or a file put into it.
    """

    exit_code = 1

    def __str__(self) -> str:
        return printable(super().__str__(), keep="\n")


class SpecError(ThalwegError, ValueError):
    """A study, a setting or a data file that cannot be used. One or more problems, each one line with its place."""

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]):
        self.problems = tuple(" ".join(problem.split("\n")) for problem in ([problems] if isinstance(problems, str) else problems))
        super().__init__("\n".join(self.problems))


class PlacedError(SpecError):
    """A problem with one key of a part of a study: `path` leads from that part to the key."""

    def __init__(self, path: Sequence[str | int], problem: str):
        self.path, self.problem = tuple(path), problem
        super().__init__(f"{'.'.join(map(str, path))}: {problem}")


class StoreError(ThalwegError):
    """An output that cannot be created, read or continued."""

    exit_code = 2


class RunError(ThalwegError):
    """A run that a landscape's or an optimizer's own code ended; what raised it is the cause."""


def suggest(name: str, known: Iterable[str]) -> str:
    """'; did you mean 'adam'?' if a known name is close to `name`, else nothing.

    >>> suggest("adm", ["adam", "sgd"])
    "; did you mean 'adam'?"
    """
    by_lower = {other.lower(): other for other in known}
    close = get_close_matches(str(name)[:100].lower(), list(by_lower), n=1, cutoff=0.6)
    return f"; did you mean '{by_lower[close[0]]}'?" if close else ""
