"""thalweg schema."""

import json


def schema() -> None:
    """Print the JSON Schema of a study, for editors that complete and check YAML."""
    from ...specs.study import Study

    print(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}, indent=2))
