"""The lab: real agents on real networks, made of namespaces, broken on purpose and judged.

Rule: no root and no other program is needed, and nothing is left behind.

`hafw_sim.lab.lab.Lab` builds it, `hafw_sim.lab.watch.Watch` judges what happens in it, and
`hafw_sim.lab.topology` says which machines and addresses there are.
"""
