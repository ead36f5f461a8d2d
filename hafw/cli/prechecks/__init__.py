"""What `hafw precheck` looks at: each module one subject, each returns findings.

One rule: nothing that serves is touched. What is changed is made for the purpose and taken away
again: a gate that guards nothing, and the lease of group 0, which is no group.
"""
