"""The list of schedules, and the page of one."""
