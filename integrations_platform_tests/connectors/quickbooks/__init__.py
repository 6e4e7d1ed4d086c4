"""QuickBooks as a side, against its stand-in over real HTTP."""
