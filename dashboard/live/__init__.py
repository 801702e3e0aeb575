"""Live connections: news of runs, and parts of pages drawn once for many viewers."""
