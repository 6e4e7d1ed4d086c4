"""The web page for people: how syncs stand, what waits for a decision, and deciding it.

A face like the command line: it shows what the state and the engine say and hands them what a person decided, with the
person's name. Pages are made on the server and work without a script; every value shown is taken for hostile.
"""
