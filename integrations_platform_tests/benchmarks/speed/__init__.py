"""How fast tables are synced, against the fastest copy the same server can make and against other tools.

CPU seconds are what is compared, of the client's processes and of the database server together, as a ratio to a plain
copy made just before on the same machine: time on a clock says more about the neighbours than about the tool.
"""
