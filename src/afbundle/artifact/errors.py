"""What can be wrong with a bundle file."""

from __future__ import annotations


class ArtifactError(Exception):
    """Base of every error about a bundle file; its text is one line for the user."""


class NotABundle(ArtifactError):
    """The file does not end with a bundle trailer."""


class UnsupportedVersion(ArtifactError):
    """The file is a bundle of a version of the format that this afbundle does not know."""


class CorruptBundle(ArtifactError):
    """The file is a bundle, and a part of it is not what it was when it was packed.

    Arguments:
        region: ``trailer``, ``executable``, ``source`` or ``manifest``.
        reason: what was found.
    """

    def __init__(self, region: str, reason: str) -> None:
        super().__init__(f"{region}: {reason}")
        self.region = region
        self.reason = reason


class ManifestError(ArtifactError):
    """A manifest or metadata file says something that the format does not allow; names the key."""


class CacheError(ArtifactError):
    """A bundle's dependencies cannot be unpacked on this host; says where it was tried and what to do."""
