"""Tests of the integrations platform; the folders mirror the package."""
