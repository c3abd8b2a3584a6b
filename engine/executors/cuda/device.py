"""Where the CUDA device is asked for, once and in one place: is there one, what is missing, its memory, arrays on it.

Fused kernels need numba-cuda and a device; the array executor needs CuPy. Arrays are CuPy's where it is installed, which kernels take
through __cuda_array_interface__ and whose memory pool both executors then share; else numba-cuda's own. Under Numba's simulator
(NUMBA_ENABLE_CUDASIM=1) kernels run as plain Python, and the simulator counts as a device.
"""

import functools
import importlib.util
import os
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ....specs.errors import SpecError, suggest
from ...plan import Group

DEVICES = ("auto", "cpu", "cuda")
MOST_RUNS = 2**20
"""Runs of a shard on a device: four times the threads that an H100 holds at a time."""
RECORD_BYTES = 2**26
INSTALL = "pip install 'thalweg[gpu]' (CUDA 13) or 'thalweg[gpu12]' (CUDA 12)"
POOL = 0.9
"""Share of the device's memory that CuPy's pool may take."""


def check_device_name(device: str) -> str:
    """The name of a device, if there is such a kind. Raises SpecError."""
    if device not in DEVICES:
        raise SpecError(
            f"there is no device '{device}'{suggest('cuda' if device == 'gpu' else device, DEVICES)} (known: {', '.join(DEVICES)})"
        )
    return device


@functools.cache
def simulated() -> bool:
    """Whether kernels run in Numba's simulator."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def driver() -> bool:
    """Whether the NVIDIA driver's library is there: quick to ask, before anything of numba-cuda is imported."""
    import ctypes

    for library in ("nvcuda.dll",) if os.name == "nt" else ("libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False


@functools.cache
def missing() -> str | None:
    """Why no kernel can run on a CUDA device, in words; None if one can."""
    if simulated():
        return None
    if importlib.util.find_spec("numba_cuda") is None:
        return f"numba-cuda is not installed: {INSTALL}"
    if not driver():
        return "there is no CUDA device here: the NVIDIA driver is not installed"
    from numba import cuda

    try:
        devices = cuda.gpus.lst
    except Exception as error:  # noqa: BLE001 numba-cuda has a class for each library that can be missing
        return f"there is no CUDA device here: {' '.join(str(error).split()) or type(error).__name__}"
    return None if devices else "there is no CUDA device here: the driver lists none"


@functools.cache
def missing_arrays() -> str | None:
    """Why the array executor cannot run on a CUDA device; None if it can."""
    if simulated():
        return "Numba's simulator runs kernels only"
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy is not installed: {INSTALL}"
    if importlib.util.find_spec("array_api_compat") is None:
        return f"array-api-compat is not installed: {INSTALL}"
    if not driver():
        return "there is no CUDA device here: the NVIDIA driver is not installed"
    import cupy  # type: ignore[import-not-found]

    try:
        return None if cupy.cuda.is_available() else "there is no CUDA device here: CuPy finds none"
    except Exception as error:  # noqa: BLE001 as above
        return f"there is no CUDA device here: {' '.join(str(error).split())}"


@functools.cache
def namespace() -> Any:
    """CuPy as an array-API namespace, its pool limited. Call `missing_arrays` first."""
    import array_api_compat.cupy as xp  # type: ignore[import-not-found]
    import cupy  # type: ignore[import-not-found]

    cupy.get_default_memory_pool().set_limit(fraction=POOL)
    return xp


def free_memory() -> int:
    """Bytes of the current device's memory that can still be had."""
    if simulated():
        return 2**30
    if missing_arrays() is None:
        import cupy  # type: ignore[import-not-found]

        pool = cupy.get_default_memory_pool()
        return int(cupy.cuda.runtime.memGetInfo()[0]) + pool.free_bytes()
    from numba import cuda

    return int(cuda.current_context().get_memory_info().free)


def name() -> str:
    """The current device, for people."""
    if simulated():
        return "Numba's simulator of CUDA"
    from numba import cuda

    device = cuda.get_current_device()
    label = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    return f"{label}, compute capability {'.'.join(map(str, device.compute_capability))}"


def runs_at_once(group: Group) -> int:
    """Runs of a shard so that the arrays of either executor stay within half of the device's free memory, and a record within
    RECORD_BYTES of the host's."""
    itemsize = np.dtype(group.precision).itemsize
    states = len(getattr(group.optimizer, "state", ()))
    run = (2 * (8 + states) * group.iterate_size + group.state_size) * itemsize
    return max(1, min(MOST_RUNS, free_memory() // 2 // run, RECORD_BYTES // (group.values_per_record * itemsize or 1)))


def described(device: str, used: bool) -> str:
    """What `thalweg check` says of the device: which one it is, or why it is the CPU."""
    if used:
        return f"cuda: {name()}, {free_memory() / 1e9:.1f} GB free"
    if device == "cpu":
        return "cpu"
    problem = missing()
    return f"cpu ({problem})" if problem else "cpu (too little work for a CUDA device, or nothing that runs there)"


class Arrays(Protocol):
    """Arrays on the device."""

    def put(self, values: np.ndarray) -> Any:
        """A copy on the device, C-contiguous; of an array without elements one that nothing reads, since the driver allocates no less."""
        ...

    def spread(self, values: np.ndarray, shape: tuple[int, ...]) -> Any:
        """A copy on the device, broadcast to this shape, of which no more than `values` is sent there."""
        ...

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any: ...

    def get(self, values: Any) -> np.ndarray:
        """A copy on the host."""
        ...

    def fetch(self, values: list[Any]) -> Callable[[], list[np.ndarray]]:
        """Begin to copy to the host, after what was launched before and beside what is launched then; calling the result waits for it."""
        ...

    def wait(self) -> None:
        """Until what was launched is done."""
        ...


def some(values: np.ndarray) -> np.ndarray:
    """The array C-contiguous, with at least one element."""
    return np.ascontiguousarray(values) if values.size else np.zeros((1,) * values.ndim, values.dtype)


class CupyArrays:
    """CuPy's, from its memory pool."""

    def __init__(self) -> None:
        import cupy  # type: ignore[import-not-found]

        namespace()
        import cupyx  # type: ignore[import-not-found]

        self.cupy, self.pinned, self.aside = cupy, cupyx.empty_pinned, cupy.cuda.Stream(non_blocking=True)

    def spread(self, values: np.ndarray, shape: tuple[int, ...]) -> Any:
        if not np.prod(shape):
            return self.put(np.empty(shape, values.dtype))
        return self.cupy.broadcast_to(self.cupy.asarray(values), shape).copy()

    def fetch(self, values: list[Any]) -> Callable[[], list[np.ndarray]]:
        self.aside.wait_event(self.cupy.cuda.get_current_stream().record())
        made = [self.pinned(a.shape, a.dtype) for a in values]
        for source, target in zip(values, made, strict=True):
            source.get(stream=self.aside, out=target, blocking=False)

        def arrived() -> list[np.ndarray]:
            self.aside.synchronize()
            values.clear()  # until then their memory must not be used again
            return made

        return arrived

    def put(self, values: np.ndarray) -> Any:
        return self.cupy.asarray(some(values))

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.cupy.empty(shape, dtype)

    def get(self, values: Any) -> np.ndarray:
        return self.cupy.asnumpy(values)

    def wait(self) -> None:
        self.cupy.cuda.get_current_stream().synchronize()


class NumbaArrays:
    """numba-cuda's own."""

    def __init__(self) -> None:
        from numba import cuda

        self.cuda = cuda

    def spread(self, values: np.ndarray, shape: tuple[int, ...]) -> Any:
        return self.put(np.broadcast_to(values, shape))

    def fetch(self, values: list[Any]) -> Callable[[], list[np.ndarray]]:
        made = [self.get(a) for a in values]
        return lambda: made

    def put(self, values: np.ndarray) -> Any:
        return self.cuda.to_device(some(values))

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.cuda.device_array(shape, dtype)

    def get(self, values: Any) -> np.ndarray:
        return values.copy_to_host()

    def wait(self) -> None:
        self.cuda.synchronize()


def arrays() -> Arrays:
    """CuPy's if it is there, else numba-cuda's. Raises SpecError where there is no device."""
    problem = missing()
    if problem:
        raise SpecError(f"device cuda: {problem}")
    return CupyArrays() if missing_arrays() is None else NumbaArrays()
