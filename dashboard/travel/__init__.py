"""Time travel and forks: choose a step, read the plan, then go."""
