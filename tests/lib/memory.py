"""Folders in memory, if there is such a place: without a disk to wait for more can be tried in a second."""

import os

FOLDER = "/dev/shm"


def memory_or(otherwise):
    """The parent of a folder to be: in memory, else `otherwise` (None: where temporary files are)."""
    return FOLDER if os.access(FOLDER, os.W_OK) else otherwise
