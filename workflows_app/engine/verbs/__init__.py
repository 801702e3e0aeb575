"""What people ask of a run: start, answer, steer, travel, wait."""
