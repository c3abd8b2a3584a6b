"""The fused executor on the processor: Numba, with runs as SIMD lanes."""
