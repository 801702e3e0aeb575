"""What runs, steps, questions and the rest look like as JSON."""
