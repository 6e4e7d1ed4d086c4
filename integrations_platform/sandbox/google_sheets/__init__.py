"""A stand-in for Google Sheets v4, the Drive calls in use, and the token endpoint of a service account."""

from __future__ import annotations

from integrations_platform.sandbox.google_sheets.app import GoogleSheets

__all__ = ["GoogleSheets"]
