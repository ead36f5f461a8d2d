"""Providers: each moves VIPs in one kind of place, and knows nothing of the others."""
