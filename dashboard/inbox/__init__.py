"""The inbox: every question that waits for a person, and the form that answers one."""
