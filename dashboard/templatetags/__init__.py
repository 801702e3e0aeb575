"""What templates need to show statuses, times and values."""
