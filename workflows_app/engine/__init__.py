"""The engine: claims, executes, settles and recovers steps. It makes every write to a run."""
