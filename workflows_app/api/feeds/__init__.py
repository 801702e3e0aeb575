"""Following runs: server-sent events and lines of JSON, without a thread for each."""
