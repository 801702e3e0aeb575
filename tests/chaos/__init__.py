"""`make chaos`: real servers and workers under load, with random failures."""
