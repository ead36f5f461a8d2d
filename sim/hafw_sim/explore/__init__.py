"""Exhaustive search: every run of two real engines within small bounds, breadth first.

One rule: what is searched is the world of the swarm, with the same engines, the same vocabulary and
the same judges; a finding is a schedule that plays.
"""
