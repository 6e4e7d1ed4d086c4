"""Histories of all twenty ordered pairs of five real systems under the real engine; run in full by ``proof``."""
