"""The stand-ins: their edge, and each vendor's contract and behaviour."""
