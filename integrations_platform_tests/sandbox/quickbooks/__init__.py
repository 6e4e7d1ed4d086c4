"""The stand-in for QuickBooks Online: its shapes, its behaviour row by row, and a client nobody here wrote."""
