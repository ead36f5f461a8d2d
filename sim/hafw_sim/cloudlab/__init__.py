"""A lab in a cloud: a cloud's model that the nodes reach, and whose decisions the network follows.

One rule: which node gets what is sent to the VIP is decided by the model alone; no ARP is asked.
"""
