"""The command of the worker."""
