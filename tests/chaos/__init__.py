"""`make chaos`: real servers and workers under load, and what goes wrong with them at random."""
