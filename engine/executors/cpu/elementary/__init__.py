"""Elementary functions that LLVM turns into vector instructions."""
