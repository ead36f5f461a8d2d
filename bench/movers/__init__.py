"""What a takeover costs in calls: each mover of each cloud beside the field's resource agents.

Rule: all talk to the same models of the clouds through the same toll, which counts what passes; the
models hold every answer back equally long.
"""
