"""What applies to every request: who sent it, what it may contain, and what a form posted."""
