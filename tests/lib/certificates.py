"""Certificates for a sandbox at 127.0.0.1: one that is right, and some that must not be trusted."""

import subprocess

# What is wrong with each: whom it names, for how many days it is good, whether the authority signed it.
KINDS = {
    "right": ("IP:127.0.0.1", 2, True),
    "expired": ("IP:127.0.0.1", -1, True),
    "other-host": ("DNS:klaviyo.example,IP:127.0.0.2", 2, True),
    "self-signed": ("IP:127.0.0.1", 2, False),
}
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


class Authority:
    """Signs what is trusted by whoever is given `path`."""

    def __init__(self, folder):
        self.folder, self.path, self.key = folder, folder / "authority.crt", folder / "authority.key"
        _openssl("req", "-x509", *NEW_KEY, "-days", 2, "-subj", "/CN=authority", "-keyout", self.key,
                 "-out", self.path)
        for kind in KINDS:
            self._make(kind)

    def _make(self, kind):
        names, days, is_signed = KINDS[kind]
        crt, key, request, names_file = (self.folder / f"{kind}.{ending}" for ending in ("crt", "key", "csr", "names"))
        names_file.write_text(f"subjectAltName={names}")
        _openssl("req", *NEW_KEY, "-subj", f"/CN={kind}", "-keyout", key, "-out", request)
        signer = ("-CA", self.path, "-CAkey", self.key, "-CAcreateserial") if is_signed else ("-signkey", key)
        _openssl("x509", "-req", "-in", request, *signer, "-days", days, "-extfile", names_file, "-out", crt)

    def flags(self, kind):
        """What makes a sandbox show that certificate."""
        return "--tls-cert", self.folder / f"{kind}.crt", "--tls-key", self.folder / f"{kind}.key"
