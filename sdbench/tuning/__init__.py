"""From Python: measure a pipeline, and apply what is recommended for it."""
