"""The engine. Pure: events and time go in, effects come out; nothing here does I/O.

Read `duties` first: what each certificate demands of the holder and of the taker.
"""
