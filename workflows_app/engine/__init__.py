"""Making it so: claim, execute, settle, recover. Every write to a run happens in this room."""
