"""One run: reading it, changing it, its events, values and claims."""
