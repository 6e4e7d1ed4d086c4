"""A stand-in for QuickBooks Online: books of one company, behind its accounting API, version 3."""

from integrations_platform.sandbox.quickbooks.app import REALM, QuickBooks

__all__ = ["REALM", "QuickBooks"]
