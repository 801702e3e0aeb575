"""The processes and threads that run steps: Dramatiq, heartbeats, the sweep."""
