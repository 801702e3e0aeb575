"""What should happen next in a run, as values. No database, no clock, no user code."""
