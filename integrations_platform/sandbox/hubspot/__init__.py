"""A stand-in for the HubSpot CRM API, held to the vendor's contract by the vendor's own client."""

from integrations_platform.sandbox.hubspot.app import SCOPES, TOKEN, HubSpot

__all__ = ["SCOPES", "TOKEN", "HubSpot"]
