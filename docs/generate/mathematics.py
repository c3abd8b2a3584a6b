r"""Formulas as one types them, `m <- b1 m + (1-b1) g`, as LaTeX, `m \leftarrow \beta_1 m + (1 - \beta_1) g`.

The docstrings of units hold their formulas so that a terminal can show them; the site shows mathematics. What is understood:

    x y                  a product                      a/b        a fraction of the two terms beside the line
    a b / c d            a fraction of products, with spaces around the line; a bracket below it is all that is below it
    x_i, x_{i+1}, W_ij   indices                        x^2, x^(k), A^-1, A^T   powers and the like
    x^ and x~            a hat and a tilde, before anything but a letter, a digit or a bracket
    sum_i, prod_i        sums and products              |x|        a norm
    <x, y>               an inner product               <-, <=, >=, +-, ~, ->, ||, ...
    alpha, beta1, eps    Greek letters                  b1, b2     the two betas of Adam
    sqrt(x), exp(x)      functions                      longer names   upright, those of fields; else words of English
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

GREEK = {
    name: "\\" + name
    for name in [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "zeta",
        "eta",
        "theta",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Pi",
        "Phi",
        "Psi",
    ]
} | {"eps": r"\varepsilon"}
LIMITS = {"sum": r"\sum", "prod": r"\prod", "mean": r"\operatorname{mean}", "max": r"\max", "min": r"\min"}
FUNCTIONS = {name: "\\" + name for name in ["exp", "log", "sin", "cos", "tanh"]} | {
    name: rf"\operatorname{{{name}}}" for name in ["ceil", "tr", "sign", "diag", "softmax", "KL", "Polar", "sym", "act"]
}
SIGNS = {
    ">>": r"\gg", "<<": r"\ll", "!=": r"\ne", "-+": r"\mp",
    "<-": r"\leftarrow", "->": r"\to", "<=": r"\le", ">=": r"\ge", "+-": r"\pm", "||": r"\parallel", "...": r"\dots", "..": r"\,..\,",
    "~": r"\sim", "*": r"\odot", "=": "=", "<": "<", ">": ">", "+": "+", "-": "-", ",": r",\;", ";": r";\quad", ":": ":", ".": r"\cdot",
}  # fmt: skip
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z]+(?:\d+(?![A-Za-z]))?(?:_[A-Za-z]{3,})*'*)"
    r"|(?P<sign><-|->|<=|>=|!=|>>|<<|-\+|\+-|\|\||\.{2,3}|[-+*=<>,;:.~])|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<bar>\|)|(?P<over>/)|(?P<script>[_^]))"
)
NAMES = {"lr", "dt"}
"""Names that are no fields everywhere."""
ENDS = re.compile(r"_|[^\w({\[+-]|$|-\s|\+\s")
"""What follows the `^` of a hat."""


class NoFormula(ValueError):
    """The text is none that this module understands."""


@dataclass
class Part:
    """A piece of LaTeX: an operand, upright ones of which need space beside others; a sign; or a word of English."""

    text: str
    kind: str = "operand"

    @property
    def upright(self) -> bool:
        """Whether it begins or ends with a name of several letters."""
        return r"\mathrm" in self.text or r"\operatorname" in self.text


def equations(text: str, names: Collection[str] = ()) -> str:
    """The LaTeX of a display of equations, separated by semicolons or lines. Raises NoFormula for what is none.

    `names` are those of fields, which are not words of English.
    """
    lines = [line.strip().rstrip(",.") for line in re.split(r";\s+(?=[^;]*(?:<-|=))|\n", text) if line.strip()]
    made = []
    for line in lines:
        whole = latex(line, names)
        left, sign, right = whole.partition(r"\leftarrow" if "<-" in line else "=")
        made.append(rf"&\quad {whole}" if line[0] in "+-" and made else f"{left}&{sign}{right}" if sign else f"&{left}")
    if len(made) == 1:
        return made[0].replace("&", "", 1)
    return "\\begin{aligned}\n" + " \\\\\n".join(made) + "\n\\end{aligned}"


def latex(text: str, names: Collection[str] = ()) -> str:
    r"""The LaTeX of a formula.

    >>> latex("x <- x - lr m^ / (sqrt(v^) + eps)")
    'x \\leftarrow x - \\frac{\\mathrm{lr}\\,\\hat{m}}{\\sqrt{\\hat{v}} + \\varepsilon}'
    """
    reader = Reader(text, names)
    made = reader.terms("")
    if reader.text[reader.at :].strip():
        raise NoFormula(f"{text!r}: what is {reader.text[reader.at :]!r}?")
    return made


class Reader:
    """A formula, read from left to right."""

    def __init__(self, text: str, names: Collection[str]):
        self.text, self.at, self.names = text.strip(), 0, names
        self.small = False
        """Whether this is an index or a power, in which fractions stay on the line."""

    def peek(self) -> "re.Match[str] | None":
        """The next token."""
        return TOKEN.match(self.text, self.at)

    def terms(self, closing: str) -> str:
        """Everything up to a closing bracket, or to the end."""
        made: list[Part] = []
        while (found := self.peek()) and not found["close"] and not (found["bar"] and closing == "|"):
            if found["over"]:
                self.divide(made, found)
            elif found["sign"] == "<" and (end := self.inner_product(found.end())):
                inside = latex(self.text[found.end() : end], self.names)
                self.at = end + 1
                made.append(Part(rf"\langle {inside} \rangle"))
            elif found["sign"]:
                self.at = found.end()
                made.append(Part("," if found["sign"] == "," and closing else SIGNS[found["sign"]], "sign"))
            else:
                made.append(self.factor())
        return joined(made)

    def divide(self, made: list[Part], found: "re.Match[str]") -> None:
        """Put a fraction in place of the last term, or product."""
        self.at = found.end()
        wide = found.group()[0] == " " and self.text[self.at : self.at + 1] == " "
        above: list[Part] = []
        while made and made[-1].kind == "operand" and (wide or not above):
            above.insert(0, made.pop())
        if not above:
            raise NoFormula(f"{self.text!r}: nothing to divide")
        below = [self.factor()]
        while (
            wide and below[0].text[0] != "(" and not below[0].text.startswith(r"\left(") and (after := self.peek()) and self.goes_on(after)
        ):
            below.append(self.factor())
        if self.small:
            made.append(Part(f"{joined(above)}/{joined(below)}"))
        else:
            made.append(Part(rf"\frac{{{bare(joined(above))}}}{{{bare(joined(below))}}}"))

    def goes_on(self, found: "re.Match[str]") -> bool:
        """Whether another factor of a product follows."""
        if found["name"]:
            return not self.is_word(found["name"])
        return bool(found["number"] or found["open"])

    def inner_product(self, start: int) -> int:
        """Where the inner product that begins here ends; 0 if none does."""
        found = re.match(r"(?=\S)[^<>=;|]*,[^<>=;|]*>", self.text[start:])
        return start + found.end() - 1 if found else 0

    def factor(self) -> Part:
        """A number, a name with what belongs to it, or a bracket, with its indices and powers."""
        found = self.peek()
        if found is None or found["over"] or found["close"] or found["script"]:
            raise NoFormula(f"{self.text!r}: something is missing at {self.text[self.at :]!r}")
        self.at = found.end()
        if found["sign"]:
            return Part(SIGNS[found["sign"]] + self.factor().text)
        if found["number"]:
            return Part(self.scripted(found["number"]))
        if found["open"]:
            return Part(self.scripted(self.bracket(found["open"])))
        if found["bar"]:
            inside = self.terms("|")
            self.close("|")
            return Part(self.scripted(rf"\lvert {inside} \rvert"))
        return self.named(found["name"])

    def bracket(self, opening: str) -> str:
        """What a bracket encloses, with the bracket, as high as that needs."""
        inside = self.terms(opening)
        closing = self.close({"(": ")", "[": "]", "{": "}"}[opening])
        if opening == "{":
            return rf"\{{{inside}\}}"
        high = any(sign in inside for sign in (r"\frac", r"\sum", r"\prod", r"\left"))
        return rf"\left{opening}{inside}\right{closing}" if high else f"{opening}{inside}{closing}"

    def close(self, wanted: str) -> str:
        """Read a closing bracket."""
        found = self.peek()
        if found is None or found.group().strip() != wanted:
            raise NoFormula(f"{self.text!r}: {wanted} is missing")
        self.at = found.end()
        return wanted

    def is_word(self, name: str) -> bool:
        """Whether this is a word of English rather than a name."""
        known = name in GREEK or name in LIMITS or name in FUNCTIONS or name in self.names or name in NAMES
        called = self.text[self.at : self.at + 1] in ("(", "_", "^")
        return name.isalpha() and len(name) > 1 and not known and not called

    def named(self, name: str) -> Part:
        """A name, a function with its argument, a sum with its index; or a word."""
        if name == "sqrt":
            return Part(self.scripted(rf"\sqrt{{{bare(self.factor().text)}}}"))
        if name in LIMITS:
            return Part(self.applied(self.scripted(LIMITS[name])))
        if name in FUNCTIONS:
            made = self.applied(self.scripted(FUNCTIONS[name]))
            after = self.peek()
            if not made.endswith(")") and after and self.goes_on(after):
                made += f" {self.factor().text}"
            return Part(made)
        if self.is_word(name):
            return Part(name, "word")
        return Part(self.applied(self.scripted(symbol(name, self.names))))

    def applied(self, function: str) -> str:
        """With the argument that follows at once."""
        opening = self.text[self.at : self.at + 1]
        if opening not in ("(", "["):
            return function
        self.at += 1
        return self.scripted(function + self.bracket(opening))

    def scripted(self, base: str) -> str:
        """With the hat, the indices and the powers that follow."""
        made = base
        if self.text[self.at : self.at + 1] == "^" and ENDS.match(self.text, self.at + 1):
            self.at += 1
            made = rf"\hat{{{made}}}"
        elif self.text[self.at : self.at + 1] == "~":
            self.at += 1
            made = rf"\tilde{{{made}}}"
        while self.text[self.at : self.at + 1] in ("_", "^") and self.at < len(self.text):
            script = self.text[self.at]
            self.at += 1
            made += f"{script}{{{self.script(script)}}}"
        return made

    def script(self, kind: str) -> str:
        """An index or a power: one in braces or brackets, or letters and digits."""
        rest = self.text[self.at :]
        if rest[:1] in ("{", "("):
            self.at += 1
            self.small, before = True, self.small
            inside = self.terms(rest[0])
            self.small = before
            self.close({"{": "}", "(": ")"}[rest[0]])
            return f"({inside})" if kind == "^" and rest[0] == "(" and re.fullmatch(r"[a-z]", inside) else inside
        found = re.match(r"-?(?:[A-Za-z]+\d*|\d+)", rest)
        if not found:
            raise NoFormula(f"{self.text!r}: what is the index {rest!r}?")
        self.at += found.end()
        text = found.group()
        if text == "T" and kind == "^":
            return r"\top"
        minus, name = "-" * (text[0] == "-"), text.lstrip("-")
        return minus + symbol(name, ()) if name in GREEK or name in self.names else text


def symbol(name: str, names: Collection[str]) -> str:
    """A letter, a Greek letter, either with a number; or a longer name, upright."""
    stem = name.rstrip("'")
    primes = name[len(stem) :]
    letters = stem.rstrip("0123456789")
    index = f"_{stem[len(letters) :]}" if letters != stem else ""
    if letters == "b" and index:
        return rf"\beta{index}{primes}"
    if letters in GREEK:
        return GREEK[letters] + index + primes
    if len(letters) == 1 and not (index and stem in names):
        return letters + index + primes
    return r"\mathrm{" + stem.replace("_", r"\_") + "}" + primes


def bare(text: str) -> str:
    """A bracket's inside, where the bracket is all."""
    found = re.fullmatch(r"(?:\\left)?\((.*?)(?:\\right)?\)", text)
    if not found:
        return text
    depth = 0
    for sign in re.findall(r"[()]", found[1]):
        depth += 1 if sign == "(" else -1
        if depth < 0:
            return text
    return found[1] if depth == 0 else text


def joined(parts: list[Part]) -> str:
    """Terms beside each other, with space between names of several letters; words in a row become text."""
    made, before, words = "", Part("", "sign"), []  # type: ignore[var-annotated]
    for part in [*parts, Part("", "end")]:
        if part.kind == "word":
            words.append(part.text)
            continue
        if words:
            made += rf"\text{{ {' '.join(words)} }}"
            words, before = [], Part("", "sign")
        operands = part.kind == before.kind == "operand"
        made += (r"\," if operands and (part.upright or before.upright) else " " if made else "") + part.text
        before = part
    return made.strip()


def inline(text: str, names: Collection[str] = ()) -> list[tuple[str, bool]]:
    """A text in pieces: (LaTeX, True) where a formula is typed in it, (the text, False) else.

    A formula is as many words in a row as can be read as one, with a relation, an index or a power among them.

    >>> inline("Least at x = a^2, for a = 1.")
    [('Least at ', False), ('x = a^{2}', True), (', for ', False), ('a = 1', True), ('.', False)]
    """
    made: list[tuple[str, bool]] = []
    run = ""
    for word in [*re.findall(r"\S+\s*|^\s+", text), ""]:
        if word and looks_typed(word, names):
            run += word
            if not re.search(r"[,;:.]\s*$", word) or not closed(run):
                continue
            word = ""
        made += formula_in(run, names, first=not made) or [(run, False)]
        run = ""
        made.append((word, False))
    whole: list[tuple[str, bool]] = []
    for piece, formula in made:
        if whole and not formula and not whole[-1][1]:
            whole[-1] = (whole[-1][0] + piece, False)
        elif piece:
            whole.append((piece, formula))
    return whole


def closed(text: str) -> bool:
    """Whether every bracket is closed."""
    return all(
        len(re.findall(opening, text)) <= len(re.findall(closing, text))
        for opening, closing in (("[([{]", r"[)\]}]"), (r"<(?=\w)", r"(?<=[\w)])>"))
    )


def looks_typed(word: str, names: Collection[str]) -> bool:
    """Whether a word can be part of a formula: letters, numbers, known names and functions between signs."""
    known = {*names, *GREEK, *LIMITS, *FUNCTIONS, *NAMES, "sqrt", "b1", "b2"}
    if re.search(r"[`\"]|\d[eE]-?\d", word):
        return False
    for found in re.finditer(r"([A-Za-z]\w*)('*)(\(?)", word):
        name = found[1]
        letter = len(name.rstrip("0123456789")) == 1 or re.fullmatch(r"[A-Za-z]_[A-Za-z0-9]{1,3}", name)
        if not (letter or (found[3] and name[0].islower()) or name in known or name.split("_")[0] in known):
            return False
    return True


def formula_in(text: str, names: Collection[str], first: bool) -> list[tuple[str, bool]]:
    """The pieces of a run of such words, none if it holds no formula. `first` tells that the run begins what is read, after a name perhaps."""
    found = re.fullmatch(r"(\s*(?:(?:a|I|,)\s+(?![=<>~^_+*/-])|\d+\s+(?=\())*)(.*?)((?:\s+a)?[\s,;:.]*)", text, re.DOTALL)
    assert found is not None
    before, body, after = found.groups()
    relation = re.match(r"[<>]", body) and not re.match(r"<\w", body) and not first
    if not re.search(r"<-|[=<>~^_]", body) or relation or re.search(r"(?:^[+*/]|[-+*/=]$)", body) or re.fullmatch(r"\w", body):
        return []
    try:
        return [(before, False), (latex(body, names), True), (after, False)]
    except NoFormula:
        return []
