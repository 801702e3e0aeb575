"""What templates need to say statuses, times and values."""
