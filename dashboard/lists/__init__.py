"""Lists of runs: what an address asks for, which rows answer it, and their pages."""
