"""Opt-in trials on live accounts: `pytest -m live`, with the credentials in the usual variables.

Each makes records under a throw-away prefix, prints which reading of what a vendor leaves open holds there, and cleans
up. They run on the stand-ins in every ordinary test run, so that they are known to work.
"""
