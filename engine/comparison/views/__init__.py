"""The views of a comparison, one a file: the folder is the registry, and other packages plug in through the entry points `thalweg.views`.

A view is a module with

    view(entries)      an xarray.Dataset of its numbers, from the entries of comparison/entries.py; one that takes `--target`
                       has an argument `targets`, the losses to reach
    columns(dataset)   the columns of its table, short texts for people
    note(dataset)      the lines below the table: how the numbers came about
"""

from ....specs.registry import Modules

VIEWS = Modules("engine.comparison.views", "view")
