"""The platform on a fresh machine: two real databases, a story of one sync, and its runs in Dagster's UI.

It needs no server, account or variable and keeps everything in one directory. It calls the platform as any face does;
nothing else in the package may depend on it.
"""
