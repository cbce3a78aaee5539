"""Small disks: file systems in memory of an exact size, to be filled up."""

import os
import subprocess

PAGE = 4096


class SmallDisk:
    """A tmpfs on `folder`. Needs the right to mount: root, or root of a namespace."""

    def __init__(self, folder, size_kib):
        self.folder = folder
        self.ballast = folder / "ballast"
        folder.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k,mode=0700", "tmpfs", folder], check=True,
                       capture_output=True, text=True)

    def free_pages(self):
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize // PAGE

    def leave(self, pages):
        """Fills the disk until exactly so many pages are free."""
        size = self.ballast.stat().st_size if self.ballast.exists() else 0
        wanted = size + (self.free_pages() - pages) * PAGE
        with open(self.ballast, "ab") as stream:
            if wanted > size:
                os.posix_fallocate(stream.fileno(), 0, wanted)
            else:
                stream.truncate(max(wanted, 0))

    def clear(self):
        self.ballast.unlink(missing_ok=True)

    def close(self):
        subprocess.run(["umount", "--lazy", self.folder], check=False, capture_output=True)


def may_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False,
                                                capture_output=True).returncode == 0
