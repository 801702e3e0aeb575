"""How templates become pages."""
