"""The contract between hafw and its plugins: hooks, their values, errors, the registry."""
