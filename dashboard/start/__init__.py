"""The page that starts a workflow, now or by a schedule."""
