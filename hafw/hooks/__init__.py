"""The contract between hafw and its plugins: hookspecs, their values, their errors, the registry."""
