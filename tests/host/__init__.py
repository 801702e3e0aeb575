"""Other people's projects, with Signalbox installed as a wheel: outside of the repository."""
