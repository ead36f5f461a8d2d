"""What a failover costs: hafw and its peers, measured in one run on the same lab.

Rule: every figure comes from outside the program that it is about, and every claim of speed is a
ratio against a peer that was measured in the same run.

`python -m bench` measures outages and costs, `python -m bench soak` short times on a busy machine,
`python -m bench movers` the calls of a takeover in a cloud.
"""
