"""CSV as spreadsheets and programs write it: read as it is meant, or refused in one line that names the line and says what to do."""

import gzip
import io
import time

import numpy as np
import pandas
import pytest
from thalweg.specs import data as module
from thalweg.specs.data import Data
from thalweg.specs.errors import SpecError

FRAME = pandas.DataFrame({"length": [0.1, 0.5, 0.25, 1e-3], "weight": [3.5, -1.0, 2.0, 1e5], "animal": ["dog", "cat", "cat", "dog"]})
X, LABELS = FRAME[["length", "weight"]].to_numpy(), ["cat", "dog"]


def load(path, content, **fields):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Data.model_validate({"file": str(path), "standardize": False, **fields}).load()


def problem(path, content, **fields):
    with pytest.raises(SpecError) as caught:
        load(path, content, **fields)
    (line,) = caught.value.problems
    assert line.startswith(f"{path}: ")
    assert len(line) < 600 + len(str(path))
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.csv"


# --- what is read


@pytest.mark.parametrize("sep", [",", ";", "\t"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_pandas_writes_is_what_is_read(path, sep, decimal, encoding, end):
    text = FRAME.to_csv(index=False, sep=sep, decimal=decimal, lineterminator=end)  # pandas quotes 0,1 where commas separate cells
    if sep == decimal:
        assert "column 'length' must hold numbers; line 2 holds '0,1'" in problem(path, text.encode(encoding), y="animal")
        return
    found = load(path, text.encode(encoding), y="animal")
    np.testing.assert_array_equal(found.x, X)
    assert found.classes.tolist() == LABELS
    assert found.y.tolist() == [1, 0, 0, 1]


def test_a_round_trip_through_pandas_loses_no_bit(path):
    x = np.random.default_rng(0).normal(size=(3000, 3)) * 10.0 ** np.random.default_rng(1).integers(-300, 300, (3000, 3))
    frame = pandas.DataFrame(x, columns=["a", "b", "c"]).assign(y=range(3000))
    np.testing.assert_array_equal(load(path, frame.to_csv(index=False)).x, x)
    np.testing.assert_array_equal(load(path, frame.to_csv(index=False, sep=";", decimal=",")).x, x)


def test_excel_s_own_line_about_the_separator(path):
    np.testing.assert_array_equal(load(path, "sep=;\r\na;y\r\n1,5;0\r\n2,5;1\r\n").x, [[1.5], [2.5]])
    assert "line 1: cells cannot be separated by '|'; allowed are commas, semicolons, tabs" in problem(path, "sep=|\na|y\n1|2\n")


def test_the_separator_is_what_splits_the_header_most(path):
    assert load(path, "length, cm;weight, kg;depth;y\n1;2;3;0\n1;2;4;1\n").x.tolist() == [[1, 2, 3], [1, 2, 4]]
    assert load(path, "a;b,c,y\n1,2,0\n1,2,1\n").x.tolist() == [[1, 2], [1, 2]]
    assert load(path, '"a,\nb";y\n1;0\n2;1\n').x.tolist() == [[1], [2]]
    assert load(path.with_suffix(".tsv"), "a\ty\n1\t0\n2\t1\n").x.tolist() == [[1], [2]]


def test_blank_lines_quotes_and_line_breaks_in_cells(path):
    text = 'a,"the\nname",y\n\n1,2,"big\ndog"\n   \n"3",4,"c,""at"\n'
    found = load(path, text)
    assert found.x.tolist() == [[1, 2], [3, 4]]
    assert found.classes.tolist() == ["big\ndog", 'c,"at']
    assert "line 6 holds 'x'" in problem(path, text.replace('"3"', "x").replace("   \n", ""))
    assert "line 7 holds 'x'" in problem(path, text.replace('"3"', "x"))


def test_numbers_as_names_of_columns(path):
    assert load(path, pandas.DataFrame(X).assign(y=[0, 1, 0, 1]).to_csv(index=False)).x.shape == (4, 2)
    assert load(path, "2019,2020,y\n1,2,0\n3,4,1\n").x.shape == (2, 2)
    for header in ("5.1,3.5,1.4,setosa", "5,3,1,setosa", "2019,2020,1", "1e5,y"):
        assert "the first line must hold the names of the columns" in problem(path, f"{header}\n1,2,3,y\n", y=-1)


# --- columns without a name


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.set_index(pandas.Index(["p", "q", "r", "s"])),
        FRAME.iloc[::-1],
        pandas.read_csv(io.StringIO(FRAME.to_csv())),
        pandas.read_csv(io.StringIO(pandas.read_csv(io.StringIO(FRAME.to_csv())).to_csv())),
        FRAME.set_index(["length", "weight"], drop=False).rename_axis([None, None]),
    ],
    ids=["row numbers", "row names", "shuffled", "read back", "read back twice", "two levels"],
)
@pytest.mark.parametrize("sep", [",", ";"])
def test_pandas_index_is_no_feature(path, frame, sep):
    text = frame.to_csv(sep=sep)
    line = problem(path, text, y="animal")
    assert line.startswith("column 1 has no name")
    assert "index=False" in line
    assert "x: [length, weight]" in line or "Unnamed" in text
    found = load(path, text, y="animal", x=["length", "weight"])
    np.testing.assert_array_equal(found.x, frame[["length", "weight"]])


@pytest.mark.parametrize("name", ["", " ", '""', "\u00a0", "\u200b", "\ufeff", "Unnamed: 3", "Unnamed: 0.1"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_column_without_a_name_is_refused_wherever_it_stands(path, name, place):
    rows = [["length", "animal"], ["1.5", "dog"], ["2.5", "cat"]]
    for row, cell in zip(rows, (name, "0", "1"), strict=True):
        row.insert(place, cell)
    text = "".join(",".join(row) + "\n" for row in rows)
    assert f"column {place + 1} has no name" in problem(path, text, y="animal")
    assert load(path, text, y="animal", x="length").x.tolist() == [[1.5], [2.5]]
    assert load(path, text, x="length", y=place).y.tolist() == [0, 1]


def test_a_named_column_of_row_numbers_is_a_column(path):
    assert load(path, "time,y\n0,1\n1,3\n2,5\n").x.tolist() == [[0], [1], [2]]


# --- missing values and labels


@pytest.mark.parametrize("labels", [["dog", "cat"], ["0", "1"], ["0", "1", "2", "3+"], ["1.5", "2.5"], ["no", "0"], ["3", "2", "1"]])
@pytest.mark.parametrize("empty", ["", "  ", '""', "NaN", "NA", "nan", "null", "None", "#N/A", "<NA>"])
@pytest.mark.parametrize("before", [0, 1, 2000])
def test_a_missing_label_is_told_with_its_line(path, labels, empty, before):
    rows = [f"{k},{labels[k % len(labels)]}" for k in range(before)] + [f"7,{empty}"] + [f"{k},{label}" for k, label in enumerate(labels)]
    line = problem(path, "a,y\n" + "\n".join(rows) + "\n")
    what = f"'{empty}'" if empty.strip(' "') else "an empty label"
    assert line.startswith(f"line {before + 2} holds {what}")


def test_the_line_of_a_missing_label_counts_blank_lines(path):
    assert problem(path, "a,animal\n1.0,dog\n\n2.0,cat\n3.0,\n", y="animal").startswith("line 5 holds an empty label")


def test_labels_may_be_numbers_words_and_both(path):
    assert load(path, "a,y\n1,0\n2,1\n3,2\n4,3+\n5,1.0\n6,01\n").classes.tolist() == ["0", "1", "2", "3+"]
    assert load(path, "a,y\n1,yes\n2,0\n").classes.tolist() == ["0", "yes"]
    assert load(path, "a,y\n1,Na\n2,none\n").classes.tolist() == ["Na", "none"]
    assert load(path, "a,y\n1,2\n2,4\n").classes.tolist() == [2, 4]
    assert load(path, "a;y\n1,5;b,c\n2;d\n").classes.tolist() == ["b,c", "d"]
    assert load(path, "a,y\n1,2.5\n2,1e3\n").y.tolist() == [2.5, 1000]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("", "line 3 holds an empty cell; leave out rows or columns with missing values"),
        ("  ", "line 3 holds an empty cell"),
        ("NA", "line 3 holds 'NA'; leave out rows or columns"),
        ("nan", "line 3 holds 'nan'; leave out"),
        ("inf", "line 3 holds 'inf', which is not finite"),
        ("1e999", "line 3 holds '1e999', which is not finite"),
        ("red", "line 3 holds 'red'; leave the column out of x, or write a column of 0 and 1 for each of its words"),
        ("1_0", "line 3 holds '1_0'"),
        ("1;5", "line 3 holds '1;5'"),
        ('"1,5"', "line 3 holds '1,5'"),
        ('"1,234.5"', "line 3 holds '1,234.5'"),
        ("12 %", "line 3 holds '12 %'"),
        ("0x10", "line 3 holds '0x10'"),
        ("2024-01-31", "line 3 holds '2024-01-31'"),
        ("x" * 200_000, "line 3: not CSV: field larger"),
        ('"two\nlines"', "line 3 holds 'two lines'"),
        ("=" * 100, f"line 3 holds '{'=' * 40}'"),
    ],
)
def test_what_is_no_number_is_told_with_line_and_column(path, cell, words):
    text = f"a,b,y\n1,2,0\n1,{cell},1\n5,oops,1\n"
    line = problem(path, text)
    assert words in line
    assert "column 'b'" in line or "not CSV" in line
    assert load(path, text, x="a").x.shape == (3, 1) if len(cell) < 1000 else True


# --- commas before decimals


def test_decimal_commas_are_told_from_thousands_and_from_points(path):
    assert load(path, "a;y\n1,234;0\n0,5;1\n").x.tolist() == [[1.234], [0.5]]
    assert load(path, "a;y\n1,5E+03;0\n-,5;1\n").x.tolist() == [[1500], [-0.5]]
    assert "line 2 holds '1,234': does the comma mark decimals or thousands?" in problem(path, "a;y\n1,234;0\n12,345;1\n")
    assert "line 2 holds '1,5' with a decimal comma, line 3 '1.500' with a point" in problem(path, "a;y\n1,5;0\n1.500;1\n")
    assert "line 2 holds '1.234,5'" in problem(path, "a;y\n1.234,5;0\n1;1\n")
    assert "line 3 holds '1,234,567'" in problem(path, "a;y\n1,5;0\n1,234,567;1\n")
    assert load(path, "a\ty\n0,25\t1,5\n2\t2,5\n").y.tolist() == [1.5, 2.5]


# --- files that are no tables


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n\n  \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (gzip.compress(b"a,y\n1,2\n", mtime=0), "is a gzip file; unpack it"),
        (b"PK\x03\x04 workbook", "is a zip file; unpack it, or save a workbook as CSV"),
        ("a,y\n1,2\nä,3\n".encode("latin-1"), "line 3: not UTF-8 text (byte 8"),
        ("a,y\n1,2\n".encode("utf-16-le"), "line 1: not text, since it holds a null character"),
        (b"a,y\n1,2\n\0,3\n", "line 3: not text"),
        (b"a y\n1 2\n", "no column 'y' (it has: a y; commas, semicolons, tabs separate cells)"),
        (b"a,y\n1,2\n3\n", "line 3: 1 cells, the header has 2 (commas separate cells)"),
        (b"a;y\n1;2\n3;4;5\n", "line 3: 3 cells, the header has 2 (semicolons separate cells)"),
        (b'a,y\n1,2\n3,"4\n5,6\n', "line 3: not CSV: a quoted cell does not end"),
        (b'a,y\n1,2\n3,"4"5\n', "line 3: not CSV"),
        (b"a,b,a,y\n1,2,3,4\n", "two columns are called 'a'"),
        (b"# made by hand\na,y\n1,2\n", "no column 'y' (it has: # made by hand;"),
        (b"\xff\xfe" + b"a", "line 1: not UTF-8 text|truncated"),
    ],
)
def test_what_is_no_table_is_one_line(path, content, words):
    line = problem(path, content)
    assert any(word in line for word in words.split("|"))


@pytest.mark.full
def test_wide_and_long_tables_take_time_in_proportion(path, monkeypatch):
    began = time.process_time()
    wide = ",".join(f"c{k}" for k in range(100_000))
    row = ",".join(["1.5"] * 100_000)
    assert load(path, f"{wide},y\n{row},0\n{row},1\n").x.shape == (2, 100_000)
    assert load(path, f"{wide},y\n{row},0\n{row},1\n", x=[f"c{k}" for k in range(99_999)]).x.shape == (2, 99_999)
    assert load(path, "a,y\n" + "1.5,0\n2,1\n" * 250_000).x.shape == (500_000, 1)
    assert load(path, "a,y\n" + "\n" * 900_000 + "1,2\n").x.shape == (1, 1)
    assert "no column 'y' (it has: #;" in problem(path, "#\n" * 900_000 + "a,y\n")
    assert time.process_time() - began < 60
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    assert "at most 10000 bytes in memory" in problem(path, "a,b,c,d,y\n" + "1,1,1,1,0\n" * 500)
