"""Text from studies and stores in the languages that tables are written in. For terminals and HTML see specs/text.py and html.escape."""

import re

from ...specs.text import printable

FORMULA = ("=", "+", "-", "@")
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}  # fmt: skip


def for_latex(text: object) -> str:
    r"""Text that LaTeX sets as it is. Brackets and stars are in braces: after a new row LaTeX would read them as its own.

    >>> print(for_latex("sgd_wsd & 5 % [b=1]"))
    sgd\_wsd \& 5 \% {[}b=1{]}
    """
    return "".join(LATEX.get(c, f"\\{c}" if c in "&%$#_{}" else f"{{{c}}}" if c in "[]*" else c) for c in printable(text))


def for_csv(text: object) -> str:
    """A text cell that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe in front. Numbers are not
    given to this function.

    >>> for_csv("=1+1"), for_csv(" @a"), for_csv("sgd")
    ("'=1+1", "' @a", 'sgd')
    """
    shown = printable(text)
    return f"'{shown}" if str(text).startswith(("\t", "\r")) or shown.lstrip().startswith(FORMULA) else shown


def for_markdown(text: object) -> str:
    r"""Text that Markdown shows as it is, in a table's cell, too.

    >>> print(for_markdown("a | <b> [x](y) 2*lr"))
    a \| &lt;b&gt; \[x\](y) 2\*lr
    """
    shown = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", shown)
