"""Described APIs as sides, against a made-up CRM over HTTP."""
