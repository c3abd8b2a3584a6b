"""Looks at stored parameters after the runs, a kind a file."""
