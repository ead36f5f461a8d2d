"""Fences: each switches another machine off by one kind of device, and reads what became of it.

One rule: a machine is off when its device said so, repeatedly, and not because it was told to.
"""
