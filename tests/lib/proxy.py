"""nginx and HAProxy in front of an API, as deploy/ configures them, on ports of their own."""

import re
import shutil
import socket
import ssl
import subprocess

from lib.system import ROOT
from lib.wait import wait_until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")

# Who sends slowly is cut sooner than in production: a test waits for it.
PATIENCE_S = 2


def free_port():
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        return stream.getsockname()[1]


def certificate(folder):
    """A self-made certificate: paths of it, of its key, and of both in one file."""
    crt, key, both = (folder / f"preorder.{ending}" for ending in ("crt", "key", "pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=shop.example", "-keyout", key, "-out", crt],
                   check=True, capture_output=True)
    both.write_text(crt.read_text() + key.read_text())
    return crt, key, both


def substitute(text, *pairs):
    """Every pattern must be found: the configuration that is tested is the one that is shipped."""
    for pattern, text_instead in pairs:
        text, count = re.subn(pattern, text_instead, text, flags=re.M)
        assert count, f"{pattern} is not in the configuration"
    return text


def client_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def nginx_files(folder, api_address, port, plain_port):
    """The path of a whole configuration around deploy/nginx/preorder.conf."""
    crt, key, _ = certificate(folder)
    site = substitute(
        (ROOT / "deploy/nginx/preorder.conf").read_text(),
        (r"^ *listen \[::\].*\n", ""), (r"listen 80;", f"listen 127.0.0.1:{plain_port};"),
        (r"listen 443 ", f"listen 127.0.0.1:{port} "), (r"server 127\.0\.0\.1:8080;", f"server {api_address};"),
        (r"/etc/nginx/preorder\.crt", str(crt)), (r"/etc/nginx/preorder\.key", str(key)),
        (r"/var/log/nginx", str(folder)), (r"(client_\w+_timeout) 10s", rf"\1 {PATIENCE_S}s"))
    (folder / "preorder.conf").write_text(site)
    places = "".join(f"    {name}_temp_path {folder}/{name};\n"
                     for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = folder / "nginx.conf"
    path.write_text(f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\n"
                    f"events {{}}\nhttp {{\n{places}    include {folder}/preorder.conf;\n}}\n")
    return path


def haproxy_file(folder, api_address, port, plain_port, admin_address):
    """The path of deploy/haproxy/haproxy.cfg with other ports, and without what only root can have."""
    _, _, both = certificate(folder)
    path = folder / "haproxy.cfg"
    path.write_text(substitute(
        (ROOT / "deploy/haproxy/haproxy.cfg").read_text(),
        (r"^ *(chroot|user|group) .*\n", ""), (r"log /dev/log local0", "log stderr format raw local0\n    nbthread 1"),
        (r"^ *bind ::.*\n", ""), (r"bind :80$", f"bind 127.0.0.1:{plain_port}"),
        (r"bind :443 ", f"bind 127.0.0.1:{port} "), (r"/etc/haproxy/preorder\.pem", str(both)),
        (r"server api 127\.0\.0\.1:8080", f"server api {api_address}"),
        (r"check port 8081", f"check addr 127.0.0.1 port {admin_address.rsplit(':', 1)[1]}"),
        (r"timeout (http-request|client) 10s", rf"timeout \1 {PATIENCE_S}s")))
    return path


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def start(system, name):
    """Starts "nginx" or "haproxy" before the system's API; the process, with its addresses."""
    port, plain_port = free_port(), free_port()
    folder = system.folder / name
    folder.mkdir()
    if name == "nginx":
        path = nginx_files(folder, system.api.address, port, plain_port)
        process = system.start(name, NGINX, "-p", folder, "-e", "stderr", "-c", path)
    else:
        path = haproxy_file(folder, system.api.address, port, plain_port, system.api.admin_address)
        process = system.start(name, HAPROXY, "-db", "-f", path)
    process.is_exempt = True  # HAProxy tells by its exit status that it was asked to end
    wait_until(lambda: accepts(port), 20.0, lambda: f"{name} listens; {process.stderr()}", process.check_running)
    process.address, process.plain_address = f"127.0.0.1:{port}", f"127.0.0.1:{plain_port}"
    return process
