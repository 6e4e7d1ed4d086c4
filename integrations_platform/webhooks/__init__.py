"""Events that others send: proved, kept before they are acknowledged, and turned into runs.

An event only wakes: what is synced is read from the systems themselves, so that a forged, late, doubled or reordered
event costs a run at most.
"""
