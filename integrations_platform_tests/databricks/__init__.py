"""Jobs on Databricks: the stand-in held by the vendor's client, and our client held by the stand-in."""
