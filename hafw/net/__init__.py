"""Network codecs: netlink, ARP, NDP, ICMP and the address gate.

Rule: nothing here decides anything; builders are pure, sockets are thin, policy lives elsewhere.
"""
