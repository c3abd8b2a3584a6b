"""What is simulated: Pydantic models of a study, the landscapes, and the gallery of YAML studies."""
