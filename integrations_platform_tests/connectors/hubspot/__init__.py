"""HubSpot as a side: its own stories and real runs, against the stand-in over HTTP."""
