"""The coordinator protocol as values: frames, messages and what can go wrong. No sockets.

Import the modules you need; this package imports none of them.
"""
