"""The simulator and the lab: everything that tries to break hafw before a customer does.

Rule: it may import anything in hafw; nothing in hafw imports it.
"""
