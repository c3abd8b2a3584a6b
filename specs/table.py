"""Tables of numbers and labels as text: CSV in the ways that spreadsheets and programs write it, and every mistake with its line."""

import codecs
import contextlib
import csv
import io
import itertools
import math
import re
import unicodedata
from collections import Counter
from operator import itemgetter
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from .errors import SpecError, suggest

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
BLOCK = 1000
"""Rows that are turned into numbers at a time: what is kept of a long file are numbers, not text."""
MISSING = {"", "#N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-nan", "-NaN"}
"""What pandas, R and spreadsheets write where a value is missing."""
_BEGINNINGS = {b"\x1f\x8b": "a gzip file; unpack it", b"PK\x03\x04": "a zip file; unpack it, or save a workbook as CSV"}
_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
_ENCODINGS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # after UTF-32's, which begins alike
_STATED = re.compile(r'\ufeff?"?sep=(.)"?[\r\n]')
"""Excel's own line about the separator."""
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_PANDAS_INDEX = re.compile(r"Unnamed: \d+(_level_\d+)?(\.\d+)?")


def read(name: str, path: Path, x: tuple[str, ...] | None, y: str | int, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """The columns `x` (all but y, if None) as float64 (rows, columns), and `y` as float64 or, if it holds labels, as text (rows,).

    The first line names the columns. Cells are separated by commas, semicolons or tabs, whichever splits that line most; where it is not
    commas, numbers may have a decimal comma. Blank lines are skipped. Raises SpecError, one line, for anything else than complete, finite
    numbers in x, for a missing y, and for more than `largest` bytes of numbers.
    """
    return _Table(name, path, largest).columns(x, y)


class _Table:
    """A CSV file that is being read."""

    def __init__(self, name: str, path: Path, largest: int):
        self.name, self.largest = name, largest
        raw = path.read_bytes()
        encoding, beginning = self.decoded(raw)
        stated = _STATED.match(beginning)
        self.sep = stated[1] if stated else self.separator(beginning)
        if self.sep not in SEPARATORS:
            self.fail(f"line 1: cells cannot be separated by '{self.sep}'; allowed are {', '.join(SEPARATORS.values())}")
        self.rows = self.split(io.TextIOWrapper(io.BytesIO(raw), encoding, newline=""))
        if stated:
            next(self.rows)
        self.header = [cell.strip().strip("\ufeff\u200b") for cell in next(self.rows, (0, []))[1]]
        if not self.header:
            self.fail("the file is empty")
        self.where = {cell: k for k, cell in enumerate(self.header)}
        self.commas: dict[int, str] = {}
        """Line -> the number with a decimal comma that it holds: the first, and the first that cannot be one thousand and more."""
        self.points: dict[int, str] = {}

    def fail(self, message: str) -> NoReturn:
        raise SpecError(f"{self.name}: {message}")

    def decoded(self, raw: bytes) -> tuple[str, str]:
        """The encoding, in which all of the file can be read, and how the text begins."""
        for start, what in _BEGINNINGS.items():
            if raw.startswith(start):
                self.fail(f"is {what}")
        encoding = next((found for mark, found in _ENCODINGS.items() if raw.startswith(mark)), "utf-8")
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            self.fail(f"line {line}: not UTF-8 text (byte {error.start}: {error.reason}); save the file as UTF-8")
        if "\0" in text:
            self.fail(f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: not text, since it holds a null character; save it as UTF-8")
        return encoding, text[:1_000_000]

    @staticmethod
    def separator(beginning: str) -> str:
        """What separates cells: the character that splits the header into most cells; of equal ones, that which splits the next row so."""

        def cells(sep: str) -> tuple[int, bool]:
            rows = csv.reader(io.StringIO(beginning, newline=""), delimiter=sep, skipinitialspace=True)
            counts = [0]
            with contextlib.suppress(csv.Error):
                counts = list(itertools.islice((len(row) for row in rows if "".join(row).strip()), 2)) or counts
            return counts[0], counts[0] == counts[-1]

        return max(SEPARATORS, key=cells)

    def split(self, lines: Any) -> Any:
        """(number of its first line, cells) of every row that is not blank."""
        reader = csv.reader(lines, delimiter=self.sep, skipinitialspace=True, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                reason = "a quoted cell does not end" if "unexpected end of data" in str(error) else str(error)
                self.fail(f"line {line}: not CSV: {reason}")
            if row is None:
                return
            if len(row) > 1 or "".join(row).strip():
                yield line, row

    def columns(self, x: tuple[str, ...] | None, y: str | int) -> tuple[np.ndarray, np.ndarray]:
        header = self.header
        self.check_header()
        if isinstance(y, int):
            if not -len(header) <= y < len(header):
                self.fail(f"there is no column {y} (positions 0 to {len(header) - 1}: {', '.join(header[:30])})")
            target, y = y % len(header), header[y] or f"number {y}"
        else:
            target = self.place(y)
        if x is None:
            places = [k for k in range(len(header)) if k != target]
            nameless = next((k for k in places if not _named(header[k])), None)
            if nameless is not None:
                self.fail_nameless(nameless, str(y))
        else:
            places = [self.place(key) for key in x]
        if target in places:
            self.fail(f"the column '{y}' is named both in x and as y")
        if not places:
            self.fail(f"has no column besides y ('{y}')")
        return self.numbers_and_labels(places, target)

    def check_header(self) -> None:
        header = self.header
        numbers = [cell for cell in header if _number(cell) is not None and any(map(str.isdigit, cell))]
        whole = [int(cell) for cell in numbers if re.fullmatch(r"\d{1,9}", cell)]
        counted = len(whole) == len(numbers) and whole == list(range(whole[0], whole[0] + len(whole))) if numbers else True
        if not counted or (numbers and len(numbers) == len(header) and whole[0] > 0):
            shown = next((cell for cell in numbers if not re.fullmatch(r"\d+", cell)), numbers[0])
            self.fail(f"the first line must hold the names of the columns, and it holds numbers such as {shown}")
        name, count = Counter(cell for cell in header if cell).most_common(1)[0] if any(header) else ("", 0)
        if count > 1:
            self.fail(f"two columns are called '{name[:40]}'")

    def place(self, key: str) -> int:
        if key not in self.where or not key:
            known = ", ".join(cell[:40] for cell in self.header[:30] if cell) or "nothing"
            how = f"; {', '.join(SEPARATORS.values())} separate cells" if len(self.header) == 1 else ""
            self.fail(f"there is no column '{key}'{suggest(key, self.header)} (it has: {known}{how})")
        return self.where[key]

    def fail_nameless(self, place: int, y: str) -> NoReturn:
        named = [cell[:40] for cell in self.header if _named(cell) and cell != y]
        shown = ", ".join([*named[:4], *["..."] * (len(named) > 4)])
        what = f" ('{self.header[place]}' is what pandas calls one)" if self.header[place].startswith("Unnamed") else ""
        self.fail(
            f"column {place + 1} has no name{what}; if it only numbers the rows, write the file without it (pandas: index=False) or list the "
            f"columns to use, x: [{shown}]; else name it"
        )

    def numbers_and_labels(self, places: list[int], target: int) -> tuple[np.ndarray, np.ndarray]:
        inputs, labels, lines = itemgetter(*places), [], []
        blocks: list[np.ndarray] = []
        count = len(places)
        while block := list(itertools.islice(self.rows, BLOCK)):
            for line, row in block:
                if len(row) != len(self.header):
                    self.fail(f"line {line}: {len(row)} cells, the header has {len(self.header)} ({SEPARATORS[self.sep]} separate cells)")
            if 8 * (len(lines) + len(block)) * count > self.largest:
                self.fail(f"the table is too large; at most {self.largest} bytes in memory are allowed")
            labels += [row[target].strip() for _, row in block]
            lines += [line for line, _ in block]
            cells = [inputs(row) for _, row in block] if count > 1 else [(inputs(row),) for _, row in block]
            blocks.append(self.block(cells, lines[-len(block) :], places))
        y = self.target(labels, lines, self.header[target] or f"number {target}")
        self.check_commas()
        return np.concatenate(blocks) if blocks else np.empty((0, count)), y

    def block(self, cells: list[Any], lines: list[int], places: list[int]) -> np.ndarray:
        """Cells of x as numbers; all at once where all are plain, else one by one, to say which is not."""
        plain = self.sep == "," and not any("_" in "".join(row) for row in cells)
        with contextlib.suppress(ValueError):
            made = np.array([list(map(float, row)) for row in cells]) if plain else np.array([np.nan])
            if np.isfinite(made).all():
                return made
        return np.array([self.row(row, line, places) for row, line in zip(cells, lines, strict=True)])

    def row(self, row: Any, line: int, places: list[int]) -> list[float]:
        made = []
        for cell, place in zip(row, places, strict=True):
            value = self.number(cell.strip(), line)
            if value is None or not math.isfinite(value):
                self.fail_cell(cell, line, self.header[place])
            made.append(value)
        return made

    def fail_cell(self, cell: str, line: int, column: str) -> NoReturn:
        cell = cell.strip()
        if not cell:
            given, how = "an empty cell", "; leave out rows or columns with missing values"
        elif cell in MISSING:
            given, how = f"'{cell}'", "; leave out rows or columns with missing values"
        elif _number(cell) is not None:
            given, how = f"'{cell[:40]}'", ", which is not finite"
        elif _DECIMAL_COMMA.fullmatch(cell):
            given, how = f"'{cell[:40]}'", "; write decimals with a point where commas separate the cells"
        elif any(character.isalpha() for character in cell):
            given, how = f"'{cell[:40]}'", "; leave the column out of x, or write a column of 0 and 1 for each of its words"
        else:
            given, how = f"'{cell[:40]}'", ""
        self.fail(f"column '{column[:40]}' must hold numbers; line {line} holds {given}{how}")

    def number(self, cell: str, line: int) -> float | None:
        """The number in a cell, None if it is none; a comma is a decimal comma where commas do not separate cells."""
        if self.sep != "," and _DECIMAL_COMMA.fullmatch(cell):
            if not self.commas or (len(self.commas) == 1 and not _THOUSANDS.fullmatch(cell)):
                self.commas[line] = cell
            return float(cell.replace(",", "."))
        value = _number(cell)
        if value is not None and "." in cell and not self.points:
            self.points[line] = cell
        return value

    def check_commas(self) -> None:
        """Raises SpecError where a comma may stand before decimals or between thousands."""
        if not self.commas:
            return
        (line, cell), *_ = self.commas.items()
        if self.points:
            (other, point), *_ = self.points.items()
            self.fail(f"line {line} holds '{cell}' with a decimal comma, line {other} '{point}' with a point; use one of them")
        if all(map(_THOUSANDS.fullmatch, self.commas.values())):
            self.fail(
                f"line {line} holds '{cell}': does the comma mark decimals or thousands? write decimals with a point, and thousands without a mark"
            )

    def target(self, labels: list[str], lines: list[int], column: str) -> np.ndarray:
        """The column y: numbers, or labels if any of them is a word and the others are whole numbers."""
        for label, line in zip(labels, lines, strict=True):
            if label in MISSING:
                what = f"'{label}' for a label, which means a missing one" if label else "an empty label"
                self.fail(f"line {line} holds {what}; every row needs its '{column[:40]}'")
        commas, points = dict(self.commas), dict(self.points)
        values = [self.number(label, line) for label, line in zip(labels, lines, strict=True)]
        words = [k for k, value in enumerate(values) if value is None]
        if words:
            broken = next((k for k, value in enumerate(values) if value is not None and not value.is_integer()), None)
            if broken is not None:
                word = words[0]
                self.fail(
                    f"column '{column[:40]}' must hold numbers or labels; line {lines[word]} holds '{labels[word][:40]}', line {lines[broken]} "
                    f"'{labels[broken][:40]}'"
                )
            self.commas, self.points = commas, points  # of labels, these mean nothing
            return np.array([label if value is None else str(int(value)) for label, value in zip(labels, values, strict=True)])
        made = np.array(values, dtype=np.float64)
        if not np.isfinite(made).all():
            k = int(np.argmin(np.isfinite(made)))
            self.fail_cell(labels[k], lines[k], column)
        return made


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _named(cell: str) -> bool:
    """Whether a column has a name: something that can be seen, and not what pandas calls a column without one."""
    seen = any(not character.isspace() and unicodedata.category(character)[0] != "C" for character in cell)
    return seen and not _PANDAS_INDEX.fullmatch(cell)
