"""Tests of the Airbyte client."""
