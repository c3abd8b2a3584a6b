"""Text that came from a study, a store or a file, made safe to show."""

import unicodedata

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what acts on a terminal or cannot be seen: control characters (ESC is one), signs of direction and of zero width,
halves of surrogate pairs, separators of lines and paragraphs."""


def printable(text: object, keep: str = "") -> str:
    r"""Text in which nothing acts on a terminal or hides: such characters stand as escapes, tabs and new lines as spaces. What is in `keep`
    stays.

    >>> print(printable("a\x1b[31mb\u202ec\td"))
    a\x1b[31mb\u202ec d
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in UNSEEN else " " if c in "\n\t" else escape(c) for c in text)


def escape(character: str) -> str:
    r"""A character as Python writes it: \x1b, \u202e, \U000e0001."""
    return character.encode("unicode_escape").decode("ascii")
