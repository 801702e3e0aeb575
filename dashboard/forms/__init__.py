"""Forms made from JSON schemas: for starting a run, and for answering a step that asks."""
