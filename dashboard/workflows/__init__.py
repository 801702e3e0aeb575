"""The list of workflows, and the page of one."""
