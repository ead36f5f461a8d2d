"""The witness: remembers, for many clusters, which node holds which lease. It decides nothing.

One rule: what it has answered it never takes back; where it may have forgotten, it says nothing.
"""
