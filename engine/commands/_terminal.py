"""What the commands share on the terminal: progress, estimates, times for people."""

from collections.abc import Mapping
from typing import Any, NoReturn

from ._say import command, say


def interrupted(target: str, options: Mapping[str, Any] | None = None, study: Any = None) -> NoReturn:
    """Say what finishes the store, which holds its study, after Ctrl-C, with the options that were given; exits with 130. A store of another
    study than this is one that was to be replaced, and is as it was."""
    from typer import Exit

    from ..store.lock import is_store
    from ..store.open import stored_study

    words = [word for option in (options or {}).items() for word in option]
    begun = is_store(target) and (study is None or stored_study(target) == study.model_dump(mode="json"))
    how = f"finish it with: {command('run', target, *words, '--resume')}" if begun else f"{target} was not begun yet"
    say(f"interrupted; {how}", error=True)
    raise Exit(130) from None
