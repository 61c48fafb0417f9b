# SPDX-License-Identifier: Apache-2.0
"""A real registry beside the machine: Debian's docker-registry, with a certificate by our own CA.

In:    a folder for the certificates, which stay, and one for what the registry keeps
Out:   a server on the host's loopback, which QEMU's user network shows as 10.0.2.2
Not:   an engine: images are put together here and pushed over the registry's HTTP API
Facts: OCI distribution specification; image manifest version 2, schema 2 of the distribution
       project. An IP address as a server's name must stand in the certificate as such (RFC 6125).
"""
import gzip
import hashlib
import io
import json
import os
import socket
import ssl
import subprocess
import tarfile
import time
import urllib.parse
import urllib.request

import disks

HOST_IN_GUEST = "10.0.2.2"
PAGE = "a page from a pulled image\n"
MEDIA = "application/vnd.docker.distribution.manifest.v2+json"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificates(folder):
    """ca.crt, server.crt and server.key; kept, because an image that was made earlier holds the CA
    and a restored machine's clock must not be before it."""
    if os.path.exists(folder):
        return folder
    making = folder + ".new"
    os.makedirs(making, exist_ok=True)

    def path(name):
        return os.path.join(making, name)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    disks.run("openssl", "req", "-x509", *key, "-days", "3650", "-subj", "/CN=mkinitrd test CA",
              "-keyout", path("ca.key"), "-out", path("ca.crt"))
    disks.run("openssl", "req", *key, "-subj", "/CN=registry", "-keyout", path("server.key"),
              "-out", path("server.csr"))
    with open(path("names"), "w", encoding="ascii") as file:
        file.write(f"subjectAltName=IP:{HOST_IN_GUEST},IP:127.0.0.1\n")
    disks.run("openssl", "x509", "-req", "-in", path("server.csr"), "-CA", path("ca.crt"),
              "-CAkey", path("ca.key"), "-CAcreateserial", "-days", "3650", "-extfile",
              path("names"), "-out", path("server.crt"))
    os.rename(making, folder)
    return folder


def web_image():
    """An image of a static busybox that serves a page on port 80: its configuration and layer."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        def add(name, kind=tarfile.REGTYPE, mode=0o755, content=b"", target=""):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname = kind, mode, len(content), target
            tar.addfile(info, io.BytesIO(content))
        for name in ("bin", "www", "tmp"):
            add(name, tarfile.DIRTYPE)
        with open("/bin/busybox", "rb") as file:
            add("bin/busybox", content=file.read())
        add("bin/sh", tarfile.SYMTYPE, target="busybox")
        add("www/index.html", mode=0o644, content=PAGE.encode())
    config = {"architecture": "amd64", "os": "linux",
              "config": {"Cmd": ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"],
                         "Env": ["PATH=/bin"]},
              "rootfs": {"type": "layers", "diff_ids": [
                  "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]}}
    return json.dumps(config).encode(), gzip.compress(layer.getvalue(), 1, mtime=0)


class Registry:
    """Use as a context manager: on leaving, the server is gone."""

    def __init__(self, folder, certificates):
        self.port = free_port()
        self.log = os.path.join(folder, "registry.log")
        self.config = os.path.join(folder, "registry.yml")
        with open(self.config, "w", encoding="utf-8") as file:
            # JSON is YAML
            json.dump({"version": 0.1, "log": {"level": "info"},
                       "storage": {"filesystem": {
                           "rootdirectory": os.path.join(folder, "registry")}},
                       "http": {"addr": f"127.0.0.1:{self.port}",
                                "tls": {"certificate": os.path.join(certificates, "server.crt"),
                                        "key": os.path.join(certificates, "server.key")}}}, file)
        self.trust = ssl.create_default_context(cafile=os.path.join(certificates, "ca.crt"))
        self.process = None

    @property
    def guest_name(self):
        return f"{HOST_IN_GUEST}:{self.port}"

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 30
        while True:
            try:
                self.ask("GET", "/v2/")
                return self
            except OSError as error:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    with open(self.log, encoding="utf-8") as log:
                        raise AssertionError(f"no registry: {error}\n{log.read()}") from None
                time.sleep(0.1)

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ask(self, method, path, body=None, kind="application/octet-stream"):
        url = urllib.parse.urljoin(f"https://127.0.0.1:{self.port}", path)
        request = urllib.request.Request(url, data=body, method=method,
                                         headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=30, context=self.trust) as answer:
            return answer.headers

    def push_blob(self, name, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        place = self.ask("POST", f"/v2/{name}/blobs/uploads/", b"")["Location"]
        joint = "&" if "?" in place else "?"
        self.ask("PUT", f"{place}{joint}digest={urllib.parse.quote(digest)}", content)
        return {"size": len(content), "digest": digest}

    def push(self, name, tag="latest"):
        """The web image, as NAME:TAG; returns the name by which the machine knows it."""
        config, layer = web_image()
        manifest = {"schemaVersion": 2, "mediaType": MEDIA,
                    "config": {"mediaType": "application/vnd.docker.container.image.v1+json",
                               **self.push_blob(name, config)},
                    "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                **self.push_blob(name, layer)}]}
        self.ask("PUT", f"/v2/{name}/manifests/{tag}", json.dumps(manifest).encode(), MEDIA)
        return f"{self.guest_name}/{name}:{tag}"
