"""The graph of a workflow version: its entries, its drawing, and how people look at it."""
