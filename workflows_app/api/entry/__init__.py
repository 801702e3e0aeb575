"""Letting a request in, or refusing it: who asks, what they may, what they sent, how often."""
