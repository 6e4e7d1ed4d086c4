"""What the engine remembers, in SQLite or PostgreSQL: the port of :mod:`integrations_platform.unified_sync.store`.

``open_store`` is the way in. Nothing outside this package names its tables, except through the three views.
"""

from __future__ import annotations

from integrations_platform.state.errors import StateError, StateVersionError
from integrations_platform.state.migrate import open_store, render_schema
from integrations_platform.state.store import SqlStore

__all__ = ["SqlStore", "StateError", "StateVersionError", "open_store", "render_schema"]
