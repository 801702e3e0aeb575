"""Recording the outcomes of claims: by the reference, or by shortcuts that share one commit."""
