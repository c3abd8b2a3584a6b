"""thalweg schema."""

import json


def schema() -> None:
    """Print the JSON Schema of a study file, for editors that complete and check YAML."""
    from ...specs.schema import file_schema

    print(json.dumps(file_schema(), indent=2))
