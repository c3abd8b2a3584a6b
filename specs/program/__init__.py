"""Formulas over tensors as small programs: nodes that are shared by content (node.py), what functions are (function.py), text to nodes
(read.py), exact derivatives (derivative.py), and the reference evaluation on arrays (arrays.py)."""
