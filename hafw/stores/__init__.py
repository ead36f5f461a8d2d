"""Lease stores: each a compare-and-swap register for every group of a cluster, and nothing more.

One rule: a store never judges whether a lease may be taken; it says what stands there, and replaces
it only where nothing else came in between.
"""
