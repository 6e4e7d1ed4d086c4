"""Whole stories on real databases: bad input, the full circle of every type, kills, lost state and rival workers."""
