"""Entries of a sandbox script (docs/sandbox.md): whom to treat how."""
