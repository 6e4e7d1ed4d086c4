"""Stand-ins for services, for the stories of calls to them."""

from integrations_platform_tests.sandbox.running import sandbox

__all__ = ["sandbox"]
