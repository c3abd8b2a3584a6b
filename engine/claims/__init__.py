"""Claims: their expressions evaluated over results, their intervals, their verdicts."""
