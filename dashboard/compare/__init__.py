"""Two runs, or two timelines of one run, side by side."""
