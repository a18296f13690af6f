"""The bundle file: its trailer, manifest, launcher and cache. Standard library only.

What enters a running bundle is `_boot`, `cache` and `unpack`; the rest serves the packer and the command line.
"""
