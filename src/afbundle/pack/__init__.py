"""Builds bundles: collects the author's code, its dependencies and the runtime, and writes one executable file."""
