"""The timeline of a run: its rows, and where their bars begin and end."""
