"""Google Sheets as a side of a sync, told against the stand-in over real HTTP."""
