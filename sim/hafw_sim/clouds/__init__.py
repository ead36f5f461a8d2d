"""Clouds on this machine, and the virtual time in which real SDKs talk to them.

One rule: a model holds what matters to a failover, and names what may go wrong.
"""
