"""CUDA kernels compiled for sm_90 where there is no device: they compile, call nothing unresolved, stay in their precision and in registers."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.studies import FORMULAS, RULES, example
from thalweg.engine import check
from thalweg.engine.executors.cuda.points_source import MOST_REGISTERS
from thalweg.engine.executors.cuda.swarms_source import MOST_REGISTERS as MOST_REGISTERS_OF_SWARMS

for name in ("numba_cuda", "cuda.bindings"):
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'thalweg[test]'")

CAPABILITY = (9, 0)
RIVER = {"name": "t", "landscape": "river_valley", "noise": {"kind": "gaussian", "scale": 0.3}, "seeds": 4, "steps": 100}
ADAM = {"kind": "adam", "lr": [0.01, 0.02]}
SWARM = {"landscape": {"kind": "rastrigin", "dim": 20}, "init": {"kind": "uniform", "low": -3.0, "high": 3.0}}
RASTRIGIN = {"landscape": {"kind": "rastrigin", "dim": 10}, "noise": {"kind": "none"}}
KERNELS = {
    "noisy Adam on the river": {"optimizers": [ADAM]},
    "SGD with momentum on Rastrigin": {**RASTRIGIN, "optimizers": [{"kind": "sgd", "lr": 1e-3, "momentum": 0.9}]},
    "a run a warp": {
        "landscape": {"kind": "rastrigin", "dim": 100},
        "optimizers": [{"kind": "sgd", "lr": 1e-3, "momentum": 0.9, "clip": {"kind": "norm", "at": 1.0}, "average": {"kind": "polyak"}}],
        "record": {"every": 10, "variables": ["loss", "params", "average_loss"]},
    },
    "neighbours in shared memory": {"landscape": {"kind": "rosenbrock", "dim": 100}, "noise": {"kind": "none"}, "optimizers": [ADAM]},
    "a schedule, clipping and an average": {
        "optimizers": [{**ADAM, "schedule": {"kind": "wsd"}, "clip": {"kind": "norm", "at": 1.0}, "average": {"kind": "tail"}}],
        "stop": {"loss_below": 1e-3},
    },
    "Student-t noise, clipped by value": {
        "optimizers": [{"kind": "sgd", "lr": 0.01, "clip": {"kind": "value", "at": 1.0}}],
        "noise": {"kind": "student_t", "scale": 0.1, "df": 3.0},
    },
    "a swarm in shared memory": {**SWARM, "optimizers": [{"kind": "cbo", "particles": 100}]},
    "a swarm in the device's memory": {
        **SWARM,
        "optimizers": [{"kind": "cbo", "particles": 1000, "noise": "anisotropic", "alpha": 30.0}],
        "record": {"last": True, "variables": ["loss"]},
    },
    "a swarm with all options": {
        **SWARM,
        "landscape": {"kind": "griewank", "dim": 3},
        "optimizers": [{"kind": "cbo_adam", "particles": 300, "schedule": {"kind": "wsd"}, "average": {"kind": "tail"}}],
        "stop": {"loss_below": 1e-3},
        "record": {"every": 10, "variables": ["loss", "params", "swarm", "average_loss"]},
    },
    "hops in two dimensions": {**SWARM, "landscape": "river_valley", "optimizers": [{"kind": "consensus_hopping", "particles": 32}]},
    "Langevin on Griewank": {"landscape": {"kind": "griewank", "dim": 6}, "optimizers": [{"kind": "sgld", "lr": 0.01}]},
}
DIGITS = {"kind": "mlp", "data": {"builtin": "digits"}, "hidden": [32]}
PROGRAMS = {
    "a network on digits, Adam, minibatches": {
        "landscape": DIGITS,
        "noise": {"kind": "minibatch", "size": 32},
        "optimizers": [{"kind": "adam", "lr": 0.01, "clip": {"kind": "norm", "at": 1.0}, "average": {"kind": "polyak"}}],
    },
    "softmax regression on all digits, momentum": {
        "landscape": {"kind": "softmax_regression", "data": {"builtin": "digits"}},
        "noise": "none",
        "optimizers": [{"kind": "sgd", "lr": 0.1, "momentum": 0.9}],
    },
    "matrix factorization, Muon": {"landscape": "matrix_factorization", "noise": "none", "optimizers": [{"kind": "muon", "lr": 0.01}]},
    "noise, a rule with its own": {
        "landscape": DIGITS,
        "noise": {"kind": "minibatch", "size": 30},
        "optimizers": [{"kind": "sgld", "lr": 0.01}],
    },
}
SPILLS_OF_SWARMS = 1024
"""Bytes written and read, of a kernel that is held to swarms_source.MOST_REGISTERS."""
REDUCTION = re.compile(r"cvt\.rn\.f64\.s64\s|mul\.f64\s.*0d3BF921FB54442D19;|cvt\.rn\.f32\.f64\s|\.reg \.f64\s")
"""All that libdevice's float32 sin, cos and tan do in double precision: the last step of the reduction by Payne and Hanek, in a branch
for |x| above 105,615."""


@pytest.fixture(scope="module")
def toolkit():
    """Skips without NVVM and nvJitLink. Lets numba-cuda compile device functions for a capability that no device here has: it asks the
    current device for its own."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            from cuda.bindings import nvjitlink, nvvm
            from numba.cuda import dispatcher

            nvvm.version(), nvjitlink.version()
        except Exception as error:  # noqa: BLE001 whatever a missing library raises
            pytest.skip(f"the CUDA toolkit is not installed ({type(error).__name__}): pip install 'thalweg[gpu-test]'")
        patch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=CAPABILITY))
        yield


def ptx_of(spec):
    """What the kernel of the study's first shard compiles to."""
    from numba import cuda
    from thalweg.engine.executors.cuda import points as runs
    from thalweg.engine.executors.cuda import points_source as cuda_kernel
    from thalweg.engine.executors.cuda import swarms as cuda_swarm
    from thalweg.engine.executors.cuda import swarms_source as cuda_swarm_kernel

    shard = next(check({**RIVER, **spec}).groups[0].shards())
    drive = (cuda_swarm if shard.group.particles else runs).kernel(shard, shard.parts()).py_func
    signature = (cuda_swarm_kernel if shard.group.particles else cuda_kernel).signature(spec["precision"])
    return cuda.compile(drive, signature, device=False, abi="numba", cc=CAPABILITY, output="ptx")[0]


def link(ptx, registers):
    """(cubin, what the assembler has to say) of a kernel that may have so many registers."""
    from cuda.bindings import nvjitlink

    options = [f"-arch=sm_{CAPABILITY[0]}{CAPABILITY[1]}", "-O3", "-verbose", f"-maxrregcount={registers}"]
    linker = nvjitlink.create(len(options), options)
    try:
        code = ptx.encode()
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, code, len(code), "kernel")
        nvjitlink.complete(linker)
        cubin, log = bytearray(nvjitlink.get_linked_cubin_size(linker)), bytearray(nvjitlink.get_info_log_size(linker))
        nvjitlink.get_linked_cubin(linker, cubin)
        nvjitlink.get_info_log(linker, log)
        return bytes(cubin), log.decode(errors="replace")
    finally:
        nvjitlink.destroy(linker)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_becomes_a_binary_without_spills(kernel, precision, toolkit, record_property):
    ptx = ptx_of({**KERNELS[kernel], "precision": precision})
    assert re.search(r"^\.visible \.entry ", ptx, re.MULTILINE)
    called, defined = set(re.findall(r"^\s*(__\w+|\w+),\s*\n\s*\(", ptx, re.MULTILINE)), set(re.findall(r"\.func [^;{]*?(__\w+)\(", ptx))
    assert called <= defined, "calls what is not there"
    assert ".extern .func" not in ptx
    swarm = "particles" in KERNELS[kernel]["optimizers"][0]
    cubin, log = link(ptx, MOST_REGISTERS_OF_SWARMS if swarm else MOST_REGISTERS)
    assert cubin[:4] == b"\x7fELF"
    registers = max(map(int, re.findall(r"Used (\d+) registers", log)))
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill", log)))
    stack = max(map(int, re.findall(r"(\d+) bytes stack frame", log)))
    for name, value in (("registers", registers), ("spilled", spilled), ("stack", stack)):
        record_property(name, value)
    print(f"{kernel}, {precision}: {registers} registers, {spilled} bytes spilled, {stack} bytes of stack, cubin {len(cubin):,} bytes")
    assert spilled <= (SPILLS_OF_SWARMS if swarm else 0)
    assert registers <= MOST_REGISTERS


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kernel", PROGRAMS)
def test_a_program_over_tensors_becomes_a_binary_without_spills(kernel, precision, toolkit, record_property):
    from numba import cuda
    from thalweg.engine.executors.cuda.programs import CudaPrograms
    from thalweg.engine.executors.cuda.programs_source import MOST_REGISTERS, SHARED_BYTES, signature

    (shard, *_) = check({**RIVER, **PROGRAMS[kernel], "precision": precision}).groups[0].shards()
    made: Any = CudaPrograms(shard, device=SimpleNamespace())
    ptx = cuda.compile(made.kernel().py_func, signature(precision), device=False, abi="numba", cc=CAPABILITY, output="ptx")[0]
    assert ".extern .func" not in ptx
    cubin, log = link(ptx, MOST_REGISTERS)
    assert cubin[:4] == b"\x7fELF"
    registers = max(map(int, re.findall(r"Used (\d+) registers", log)))
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill", log)))
    shared, far = made.memory.shared_bytes, made.memory.far_size * made.memory.itemsize
    for name, value in (("registers", registers), ("spilled", spilled), ("shared", shared), ("far", far)):
        record_property(name, value)
    print(
        f"{kernel}, {precision}: {made.block} threads, {registers} registers, {spilled} bytes spilled, {shared:,} bytes of shared memory, ",
        end="",
    )
    print(f"{far:,} of the device's, cubin {len(cubin):,} bytes")
    assert spilled == 0
    assert registers <= MOST_REGISTERS
    assert shared <= SHARED_BYTES
    assert not re.search(r"^\s*(ld|st)\.[fubs]\d", ptx, re.MULTILINE), "an address of which the compiler does not know the memory"


EVERY = {
    **{name: {**spec, "precision": "float32"} for name, spec in KERNELS.items()},
    **{rule: {"optimizers": [{"kind": rule, "lr": 1e-3}], "precision": "float32"} for rule in RULES},
    **{formula: {"landscape": example(formula), "optimizers": ["sgd"], "precision": "float32"} for formula in FORMULAS},
}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", EVERY)
def test_every_rule_and_formula_stays_in_float32(kernel, toolkit):
    double = [line.strip() for line in ptx_of(EVERY[kernel]).splitlines() if ".f64" in line]
    assert [line for line in double if not REDUCTION.match(line)] == []
