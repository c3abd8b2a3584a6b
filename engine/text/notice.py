"""One line to the person at the terminal: what was not as it should be, and has been put right."""

import sys


def say(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
