"""What a worker's thread does: claim a step, run its code, settle what came of it."""
