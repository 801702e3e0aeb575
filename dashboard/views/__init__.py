"""The pages: each view fetches, calls one verb at most, and answers."""
