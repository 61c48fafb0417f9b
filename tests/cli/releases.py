# SPDX-License-Identifier: Apache-2.0
"""A release as it lies on a web server: an archive, its checksum, the signature of that.

In:    a folder; the files of the archive's folder dist/
Out:   NAME.tar.gz, SHA256SUMS and SHA256SUMS.sig in the folder, and a server of it on loopback
Facts: RFC 8410: an Ed25519 public key in DER is 12 fixed bytes and the 32 of the key; that is the one
       line of its PEM. `openssl pkeyutl -rawin` signs as RFC 8032 says, without a hash before
"""
import functools
import hashlib
import http.server
import os
import subprocess
import tarfile
import threading

KERNEL, IMAGE = "dist/vmlinuz", "dist/initrd.img"
SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                      "hooks/linode/stackscript")
# what fields are given: a key of nobody's, and the hash of a password
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCB0aGlzIGlzIG5vdCBhIHJlYWwga2V5ISE"
HASH = ("$6$salt$LVMsGmUG1mrtTaoBkUF158JYpTmPwSsnbmrNRrK76nnM9bFNtSdx5FVuIc4peQZY9VYOC1uAvxsLfmw5"
        "AVQi1")


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; /moved/... leads to the address that the server was given."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.server.moved and self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.server.moved + self.path[len("/moved"):])
            self.end_headers()
        else:
            super().do_GET()


class Release:
    """One, which may be changed and signed again."""

    def __init__(self, folder, name="only-docker"):
        self.folder, self.name = folder, name + ".tar.gz"
        os.makedirs(folder, exist_ok=True)
        self.server = None
        openssl("genpkey", "-algorithm", "ed25519", "-out", self / "key.pem")
        openssl("pkey", "-in", self / "key.pem", "-pubout", "-out", self / "key.pub")
        with open(self / "key.pub", encoding="ascii") as file:
            self.key = file.read().splitlines()[1]

    def __truediv__(self, name):
        return os.path.join(self.folder, name)

    def make(self, files, extra=()):
        """@files: paths in the archive -> files here; @extra: members besides."""
        with tarfile.open(self / self.name, "w:gz", compresslevel=1) as archive:
            for path, source in files.items():
                archive.add(source, path)
            for member in extra:
                archive.addfile(member)
        self.sign()
        return self

    def sign(self, text=None):
        if text is None:
            digest = hashlib.sha256()
            with open(self / self.name, "rb") as file:
                for block in iter(functools.partial(file.read, 1 << 20), b""):
                    digest.update(block)
            text = f"{digest.hexdigest()}  {self.name}\n"
        with open(self / "SHA256SUMS", "w", encoding="ascii") as file:
            file.write(text)
        openssl("pkeyutl", "-sign", "-inkey", self / "key.pem", "-rawin",
                "-in", self / "SHA256SUMS", "-out", self / "SHA256SUMS.sig")

    def serve(self, context=None, moved=None):
        """On a free port, which is returned; with a TLS context by https."""
        handler = functools.partial(Quiet, directory=self.folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.moved = moved
        self.server.handle_error = lambda *_: None  # a client that goes away is a test's intent
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_address[1]

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
