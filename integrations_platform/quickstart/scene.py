"""What every step of the quickstart's story has at hand. Holds things together; does nothing itself."""

from __future__ import annotations

from dataclasses import dataclass

from integrations_platform.platform import Platform
from integrations_platform.quickstart.data import Population
from integrations_platform.quickstart.databases import Databases
from integrations_platform.quickstart.folder import Folder
from integrations_platform.quickstart.narrator import Narrator
from integrations_platform.unified_sync.spec import SyncSpec


@dataclass
class Scene:
    """What every step needs."""

    folder: Folder
    narrator: Narrator
    databases: Databases
    population: Population
    platform: Platform
    spec: SyncSpec
