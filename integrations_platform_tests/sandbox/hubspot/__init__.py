"""The HubSpot stand-in: the vendor's own client, schemas, behaviour."""
