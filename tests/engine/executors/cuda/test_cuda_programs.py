"""Studies over tensors in CUDA kernels, in Numba's simulator: the same trajectories as the processor's."""

import importlib.util

import pytest

if importlib.util.find_spec("numba_cuda") is None:
    pytest.skip("numba-cuda is not installed: pip install 'thalweg[test]'", allow_module_level=True)
from helpers.cuda_programs_simulated import CASES, QUICK, part_of
from helpers.simulated import results_of


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    return results_of("helpers.cuda_programs_simulated", tmp_path_factory)


@pytest.mark.parametrize("case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.full) for case in CASES])
def test_the_simulated_device_agrees_with_the_processor(case, results):
    assert results(part_of(case))[case] == ""
