"""From formulas and rules to source, for every kernel, and kernels on disk."""
