"""What a step or a run is doing, and how long it took; the same on every page."""
