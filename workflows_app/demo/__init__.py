"""Workflows that do real work on real input, for a first look and for tests."""
