"""How to move: one file per optimizer, its fields and its pure update rule. The folder is the registry."""
