"""A stand-in for one self-managed Airbyte: a workspace, its connections, their jobs, and both of its APIs."""

from integrations_platform.sandbox.airbyte.app import Airbyte

__all__ = ["Airbyte"]
