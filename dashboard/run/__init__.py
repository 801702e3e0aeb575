"""The page of one run, the pages of its steps, and the actions on it."""
