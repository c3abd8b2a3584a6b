"""Data sets for landscapes made of data: bundled with scikit-learn, made up, or read from a file, always checked before a run starts."""

import hashlib
import importlib
import importlib.util
import io
import math
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
from pydantic import Field, StrictInt, model_validator

from . import table
from .base import Count, Fraction, Index, Spec
from .errors import SpecError, suggest
from .fence import IRREGULAR, entries, located, regular
from .rows import picked

MAX_BYTES = 2 * 1024**3
"""The largest file, and the largest array in it once it holds float64 numbers."""
CONTENTS = {"c": "complex numbers", "M": "dates", "m": "durations", "U": "text", "S": "text", "O": "Python objects", "V": "records"}
SUFFIXES = (".npz", ".csv", ".tsv", ".nc", ".netcdf", ".h5", ".zarr")
DATASETS_EXTRA = "pip install thalweg[datasets]"
_HDF5, _NETCDF3 = b"\x89HDF", b"CDF"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Checked numbers: x (n, features), y (n,) or (n, outputs), and the test part, which may have no rows.

    `classes` are the sorted distinct values of y (both parts) if y is one column of labels or whole numbers, else empty. Text labels are
    replaced in y by their position in `classes`. Two data sets are equal if their `fingerprint`, a SHA-256 of all numbers, is.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: np.ndarray
    fingerprint: str
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def labelled(self) -> bool:
        """Whether y held text."""
        return self.classes.dtype.kind == "U"

    def sizes(self) -> dict[str, int]:
        """Its sizes by name: n, n_test, p features, and classes or columns of y."""
        classes = len(self.classes) or math.prod(self.y.shape[1:])
        return {"n": len(self.x), "n_test": len(self.x_test), "p": self.x.shape[1], "classes": classes}

    def codes(self, test: bool = False) -> np.ndarray:
        """y as positions in `classes`."""
        y = self.y_test if test else self.y
        return y.astype(np.int64) if self.labelled else np.searchsorted(self.classes, y)

    def on(self, like: Any, xp: Any, name: str, make: Callable[[], np.ndarray]) -> Any:
        """`make()` as an array of `xp` with the dtype and on the device of `like`, made once."""
        key = (name, xp.__name__, str(like.dtype), str(getattr(like, "device", "")))
        if key not in self.cache:
            self.cache[key] = xp.asarray(make(), dtype=like.dtype)
        return self.cache[key]

    def whole(self, like: Any, xp: Any, name: str, make: Callable[[], np.ndarray]) -> Any:
        """As `on`, of whole numbers."""
        key = (name, xp.__name__, "int", str(getattr(like, "device", "")))
        if key not in self.cache:
            self.cache[key] = xp.asarray(make(), dtype=xp.int64)
        return self.cache[key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dataset) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> Any:
        """Copies and pickles leave the cache behind."""
        return type(self), (self.x, self.y, self.x_test, self.y_test, self.classes, self.fingerprint)


BUILTIN = ("digits", "blobs")
"""Data without a file."""


class Data(Spec):
    """Samples from scikit-learn (`builtin: digits`, or `digits` alone), made up (`blobs`), or from a `file`.

    Files: .npz; .csv and .tsv; NetCDF (.nc, .netcdf, .h5); .zarr. The first axis counts the samples. `x` and `y` name the arrays (default
    "x" and "y"); in a CSV file `y` is a column's name or its position from 0, and `x` lists columns, by default all but y. The first line
    of a CSV file names the columns; commas, semicolons or tabs separate cells, and where it is not commas, numbers may have a decimal comma. A relative path starts at `root`, which the loader sets to the study's folder, else at the working directory. `blobs` are
    60 points with 4 features around `classes` centres, the classes in turn. `limit` keeps the first rows; `test_fraction` sets some aside,
    always the same ones; `rows` are those of the others that are used: a slice "0:100", a condition "y == 3", or
    positions; classes and scales stay those of all. `standardize` gives every column of x mean 0 and standard deviation 1 on the training part (constant ones: 0).
    """

    builtin: Literal["digits", "blobs"] | None = Field(
        default=None, description="data without a file: digits of scikit-learn, or made-up blobs"
    )
    file: Annotated[str, Field(min_length=1)] | None = Field(default=None, description="a path: .npz, .csv, NetCDF or Zarr")
    x: tuple[str, ...] | str | None = Field(
        default=None, description="the array of inputs, or the CSV columns; by default x, or all columns but y"
    )
    y: str | StrictInt | None = Field(default=None, description="the array of outputs, or the CSV column by name or position")
    classes: Annotated[Count, Field(ge=2, le=60)] = Field(default=3, description="of the blobs")
    standardize: bool = Field(default=True, description="scale every column of x to mean 0 and standard deviation 1")
    test_fraction: Fraction = Field(default=0.0, description="share of the samples that is set aside for testing, always the same ones")
    limit: Count | None = Field(default=None, description="keep only this many rows, the first ones")
    rows: Annotated[str, Field(min_length=1)] | Annotated[tuple[Index, ...], Field(min_length=1)] | None = Field(
        default=None, description="use only these samples of the training part: 0:100, y == 3, or positions"
    )
    root: str | None = Field(default=None, description="the folder for relative paths; the loader sets it")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        """The bare name of what needs no file: `data: digits`."""
        if isinstance(given, str):
            if given not in BUILTIN:
                raise ValueError(f"must be {' or '.join(BUILTIN)}, or a mapping such as {{file: data.csv}}{suggest(given, BUILTIN)}")
            return {"builtin": given}
        return given

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(BUILTIN)}, handler(schema)]}

    @model_validator(mode="after")
    def _one_source(self):
        if (self.builtin is None) == (self.file is None):
            raise ValueError("give either `builtin` (digits, blobs) or `file` (a path)")
        if self.builtin and (self.x is not None or self.y is not None):
            raise ValueError(f"`x` and `y` name parts of a file; leave them out with the builtin '{self.builtin}'")
        if self.builtin != "blobs" and "classes" in self.model_fields_set and self.classes != 3:
            raise ValueError("`classes` is a setting of the builtin 'blobs' only")
        if self.file and Path(self.file).suffix.lower() not in (".csv", ".tsv") and not (self._named("x") and self._named("y")):
            raise ValueError("`x` and `y` are one name each, except in CSV files")
        if self.x == ():
            raise ValueError("`x` lists no columns")
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def _named(self, part: str) -> bool:
        return getattr(self, part) is None or isinstance(getattr(self, part), str)

    def path(self, folder: Path | None = None) -> Path:
        """Where the file is: relative to `folder`, else to `root`, else to the working directory."""
        return located(folder or self.root or ".", self.file or "")

    def load(self, folder: Path | None = None) -> Dataset:
        """The checked data; SpecError, one line, if there is anything wrong. One file is read once as long as it does not change."""
        if self.builtin:
            return _load(self.model_copy(update={"root": None}), None, ())
        path = self.path(folder)
        return _load(self, path.absolute(), _state(str(self.file), path))


def _fail(name: str, message: str) -> NoReturn:
    raise SpecError(f"{name}: {message}")


def _state(name: str, path: Path) -> tuple[int, ...]:
    """What tells that a file changed; SpecError if it cannot be one of ours."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        _fail(name, f"unknown kind of data file '{path.suffix}'{suggest(suffix, SUFFIXES)} (allowed: {', '.join(SUFFIXES)})")
    try:
        if not path.exists():
            _fail(name, f"there is no such file (looked for {path.absolute()})")
        if suffix == ".zarr":
            if not path.is_dir():
                _fail(name, "is a file; a .zarr store is a folder")
            stats = []
            for entry in entries(path):
                if not regular(Path(entry.path)):
                    _fail(name, f"holds {entry.name}, which {IRREGULAR}")
                stats.append(entry.stat())
        elif path.is_file():
            stats = [path.stat()]
        else:
            _fail(name, "is a folder; only a .zarr store may be one" if path.is_dir() else IRREGULAR)
    except SpecError:
        raise
    except (OSError, ValueError) as error:
        _fail(name, f"cannot be read: {_reason(error)}")
    total = sum(s.st_size for s in stats)
    if total > MAX_BYTES:
        _fail(name, f"{total} bytes; a data file has at most {MAX_BYTES}")
    return len(stats), total, max((s.st_mtime_ns for s in stats), default=0)


def _reason(error: BaseException) -> str:
    lines = str(getattr(error, "strerror", None) or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


@lru_cache(maxsize=8)
def _load(data: Data, path: Path | None, state: tuple[int, ...]) -> Dataset:
    if path is None:
        name = str(data.builtin)
        x, y = _digits() if data.builtin == "digits" else _blobs(data.classes)
    else:
        name = str(data.file)
        reader = {".npz": _read_npz, ".csv": _read_csv, ".tsv": _read_csv}.get(path.suffix.lower(), _read_xarray)
        try:
            x, y = reader(data, name, path)
        except SpecError:
            raise
        except MemoryError as error:
            raise SpecError(f"{name}: too large for the memory of this machine") from error
        except Exception as error:  # whatever a damaged file makes the readers of other packages raise
            reason = f": {_reason(error)}" if isinstance(error, OSError) else ""
            raise SpecError(f"{name}: cannot be read as {path.suffix.lower()}, it may be damaged{reason}") from error
    return _checked(data, name, x, y)


def _digits() -> tuple[Any, Any]:
    """The digits that come with scikit-learn, from its file: to import it takes seconds."""
    found = importlib.util.find_spec("sklearn")
    table = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz" if found and found.origin else None
    if table and table.is_file():
        numbers = np.loadtxt(table, delimiter=",")
        return numbers[:, :-1], numbers[:, -1].astype(np.int64)
    try:
        load_digits = importlib.import_module("sklearn.datasets").load_digits
    except ImportError as error:
        raise SpecError(f"digits: needs scikit-learn; {DATASETS_EXTRA}") from error
    return load_digits(return_X_y=True)


def _blobs(classes: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 4))[:classes]
    y = np.arange(60) % classes
    return 1.5 * centres[y] + rng.normal(size=(60, 4)), y


def _member(name: str, key: str, known: Iterable[str], noun: str) -> None:
    if key not in (known := list(known)):
        _fail(name, f"there is no {noun} '{key}'{suggest(key, known)} (it has: {', '.join(known[:30]) or 'nothing'})")


def _fits(name: str, key: str, count: int, stored: int = 0) -> None:
    if max(8 * count, stored) > MAX_BYTES:
        _fail(name, f"'{key}' takes {max(8 * count, stored)} bytes in memory; at most {MAX_BYTES} are allowed")


def _read_npz(data: Data, name: str, path: Path) -> tuple[Any, Any]:
    keys = (data.x or "x", data.y or "y")
    if not zipfile.is_zipfile(path):
        _fail(name, "is not an .npz file (a zip of arrays, as numpy.savez writes)")
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    for key in keys:
        _member(name, str(key), sizes, "array")
        _fits(name, str(key), 0, sizes[str(key)])
    with np.load(path, allow_pickle=False) as arrays:
        found = []
        for key in keys:
            try:
                found.append(arrays[key])
            except ValueError as error:
                if "pickle" in str(error).lower():
                    _fail(name, f"'{key}' holds Python objects, which are not read; store numbers")
                raise
    return found[0], found[1]


def _read_xarray(data: Data, name: str, path: Path) -> tuple[Any, Any]:
    """NetCDF 3 and 4 and Zarr."""
    options: dict[str, Any] = {"engine": "zarr", "consolidated": False}
    if path.suffix.lower() != ".zarr":
        with path.open("rb") as handle:
            start = handle.read(4)
        if start != _HDF5 and start[:3] != _NETCDF3:
            _fail(name, "is not a NetCDF file (neither HDF5 nor NetCDF 3)")
        options = {"engine": "h5netcdf", "phony_dims": "sort"} if start == _HDF5 else {"engine": "scipy"}
        for package in ("h5netcdf", "h5py") if start == _HDF5 else ("scipy",):
            try:
                importlib.import_module(package)
            except ImportError as error:
                raise SpecError(f"{name}: needs {package}; {DATASETS_EXTRA}") from error
    import xarray

    # scipy leaves a file that it cannot read open; it is given the bytes instead
    source = io.BytesIO(path.read_bytes()) if options["engine"] == "scipy" else path
    with xarray.open_dataset(source, decode_times=False, **options) as opened:
        found = []
        for key in (str(data.x or "x"), str(data.y or "y")):
            _member(name, key, sorted(map(str, opened.variables)), "variable")
            _fits(name, key, opened[key].size)
            found.append(np.asarray(opened[key].values))
    return found[0], found[1]


def _read_csv(data: Data, name: str, path: Path) -> tuple[Any, Any]:
    x = (data.x,) if isinstance(data.x, str) else data.x
    return table.read(name, path, x, data.y if data.y is not None else "y", MAX_BYTES)


def _checked(data: Data, name: str, x: np.ndarray, y: np.ndarray) -> Dataset:
    """Shapes, types and values are as promised; then limit, split and standardize."""
    x, y = np.asarray(x), np.asarray(y)
    for key, array, dims in (("x", x, (1, 2)), ("y", y, (1, 2))):
        if array.ndim not in dims:
            _fail(name, f"{key} has shape {array.shape}; it must be (samples,) or (samples, columns)")
        _fits(name, key, array.size)
    if len(x) != len(y):
        _fail(name, f"x has {len(x)} samples and y has {len(y)}; they must have the same number")
    x, y = x.reshape(len(x), -1) if x.size else x, y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if not x.size or not y.size:
        _fail(name, f"there are no samples: x has shape {x.shape}, y {y.shape}")
    x, y = x[: data.limit], y[: data.limit]
    x = _numbers(name, "x", x)
    classes = np.array([])
    if y.ndim == 1 and (y.dtype.kind in "SU" or (y.dtype.kind == "O" and all(isinstance(v, str) for v in y))):
        classes, y = np.unique(y.astype(str), return_inverse=True)
        y = y.astype(np.float64)
    else:
        y = _numbers(name, "y", y)
        if y.ndim == 1 and np.all(y == np.round(y)):
            classes = np.unique(y)
    test = np.zeros(len(x), dtype=bool)
    if data.test_fraction:
        count = max(1, round(data.test_fraction * len(x)))
        if count >= len(x):
            _fail(name, f"test_fraction {data.test_fraction} of {len(x)} samples leaves none to train on")
        test[np.random.default_rng(0).permutation(len(x))[:count]] = True
    if data.standardize:
        with np.errstate(all="ignore"):
            x = _standardized(x, x[~test])
        if not np.isfinite(x).all():
            _fail(name, "x has values too large to standardize; rescale them or set standardize: false")
    train = np.flatnonzero(~test)
    if data.rows is not None:
        try:
            train = train[picked(data.rows, y[train], classes)]
        except SpecError as error:
            raise SpecError(f"{name}: {error}") from None
    parts = [np.ascontiguousarray(a) for a in (x[train], y[train], x[test], y[test], classes)]
    digest = hashlib.sha256()
    for part in parts:
        part.flags.writeable = False
        digest.update(f"{part.shape}{part.dtype}".encode() + part.tobytes())
    return Dataset(*parts, fingerprint=digest.hexdigest())


def _numbers(name: str, key: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        _fail(name, f"{key} must hold real numbers, it holds {CONTENTS.get(array.dtype.kind, 'something else')}")
    with np.errstate(all="ignore"):
        made = array.astype(np.float64)
    bad = ~np.isfinite(made)
    if bad.any():
        first = int(np.nonzero(bad.reshape(len(made), -1).any(axis=1))[0][0]) + 1
        _fail(
            name,
            f"{key} has {int(bad.sum())} values that are NaN or infinite, the first in row {first} (from 1); every value must be finite",
        )
    return made


def _standardized(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    constant = train.max(axis=0) == train.min(axis=0)
    centre = train.mean(axis=0)
    scale = np.where(constant, 1.0, np.abs(train - centre).max(axis=0))  # so that no square overflows or vanishes
    spread = np.where(constant, 1.0, ((train - centre) / scale).std(axis=0))
    return np.where(constant, 0.0, (x - centre) / scale / spread)
