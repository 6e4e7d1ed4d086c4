"""The date-partitioned lake: files below `<url>/<dataset>/date=YYYY-MM-DD/` in S3, Azure or a folder, one API for all.

A partition is what its manifest lists. Manifests stand outside the prefixes that are loaded, below `<url>/_manifests/`,
and are replaced in one step, so that a reader who goes through them sees the old partition or the new one and never a
mixture. Plain listings show also what a crash left over; loaders must name the files of a manifest.
"""

from integrations_platform.lake.errors import LakeError, Trouble
from integrations_platform.lake.lake import Lake
from integrations_platform.lake.manifest import LakeFile, Manifest
from integrations_platform.lake.objects import Listed

__all__ = ["Lake", "LakeError", "LakeFile", "Listed", "Manifest", "Trouble"]
