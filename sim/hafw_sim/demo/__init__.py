"""The demo: a real two-node cluster on this machine, broken in every way that matters.

One rule: what it claims is what an independent judge saw: a client that asks the VIP a thousand
times a second, and the kernels' own announcements. A step that did not happen fails.
"""
