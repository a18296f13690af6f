"""The command line ``afbundle`` (extra ``afbundle[pack]``)."""
