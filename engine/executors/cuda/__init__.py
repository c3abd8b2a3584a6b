"""Both executors on a CUDA device."""
