"""A deterministic simulation of two systems, their users and their faults, around the real engine."""

import logging

# Half of all histories end badly by design, and where nobody listens Python would print that of each.
logging.getLogger("integrations_platform").addHandler(logging.NullHandler())
