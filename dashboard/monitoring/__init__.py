"""What a machine asks of the product: whether it is well, and its figures."""
