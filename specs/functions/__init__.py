"""The functions of formulas over tensors, one a file: the folder is the registry."""
