"""JSON values as pages show them: bounded, and never as markup."""
