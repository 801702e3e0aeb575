"""The first page: what needs somebody now, and how runs are doing."""
