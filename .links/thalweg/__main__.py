"""`python -m thalweg`: the command line, also where its script is not on the search path."""

import sys

from .engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
