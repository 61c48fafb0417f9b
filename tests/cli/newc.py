# SPDX-License-Identifier: Apache-2.0
"""Images taken apart and put together again, with one thing changed.

Facts: the newc form: kernel Documentation/driver-api/early-userspace/buffer-format.rst. Written from
       that, so that what the program reads here was not written by it.
"""
import gzip
import hashlib
import json
import os
import re
import stat

MANIFEST = "usr/lib/mkinitrd/manifest.json"
COMPLETE = "usr/lib/mkinitrd/complete"
FIELDS = ("inode", "mode", "uid", "gid", "nlink", "mtime", "size", "devmajor", "devminor",
          "rdevmajor", "rdevminor", "namesize", "check")


class Entry:
    def __init__(self, name, mode, content=b"", uid=0, gid=0):
        self.name, self.mode, self.uid, self.gid = name, mode, uid, gid
        self.content = content.encode() if isinstance(content, str) else content

    @property
    def kind(self):
        return {stat.S_IFREG: "file", stat.S_IFDIR: "directory",
                stat.S_IFLNK: "symlink"}[stat.S_IFMT(self.mode)]

    def pack(self, inode):
        name = self.name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(self.mode) else 1
        values = (inode, self.mode, self.uid, self.gid, links, 0, len(self.content), 0, 0, 0, 0,
                  len(name), 0)
        record = b"070701" + b"".join(b"%08X" % value for value in values) + name
        record += b"\0" * (-len(record) % 4) + self.content
        return record + b"\0" * (-len(record) % 4)


def file(name, content=b"", mode=0o644, **owner):
    return Entry(name, stat.S_IFREG | mode, content, **owner)


def directory(name, mode=0o755, **owner):
    return Entry(name, stat.S_IFDIR | mode, **owner)


def symlink(name, target):
    return Entry(name, stat.S_IFLNK | 0o777, target)


def split(image):
    """The segments of an image: each archive that is not compressed, and what is left. Zeros
    between them belong to none."""
    segments, at = [], 0
    while image[at:at + 6] == b"070701":
        begun, name = at, b""
        while name != b"TRAILER!!!\0":
            size, name_size = (int(image[at + 6 + 8 * i:at + 14 + 8 * i], 16)
                               for i in (FIELDS.index("size"), FIELDS.index("namesize")))
            name = image[at + 110:at + 110 + name_size]
            at += 110 + name_size
            at += -at % 4 + size
            at += -at % 4
        segments.append(image[begun:at])
        at += re.compile(b"\0*").match(image, at).end() - at
    return [*segments, image[at:]]


def unpack(archive):
    """The entries of one uncompressed newc archive."""
    entries, at = [], 0
    while True:
        assert archive[at:at + 6] == b"070701", f"no header at {at}"
        header = {field: int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16)
                  for i, field in enumerate(FIELDS)}
        at += 110
        name = archive[at:at + header["namesize"] - 1].decode()
        at += header["namesize"]
        at += -at % 4
        content = archive[at:at + header["size"]]
        at += header["size"]
        at += -at % 4
        if name == "TRAILER!!!":
            return entries
        entries.append(Entry(name, header["mode"], content, header["uid"], header["gid"]))


class Image:
    """The entries of an image of one uncompressed segment, to be changed and written elsewhere."""

    def __init__(self, path):
        with open(path, "rb") as image:
            self.entries = unpack(image.read())
        self.before = []           # archives that go first: bytes as they are
        self.compress = lambda archive: gzip.compress(archive, 1, mtime=0)

    def __getitem__(self, name):
        return next(entry for entry in self.entries if entry.name == name)

    def __contains__(self, name):
        return any(entry.name == name for entry in self.entries)

    def add(self, entry):
        """Behind all others but the writer's own last ones, so that parents are there before."""
        last = next(i for i, other in enumerate(self.entries) if other.name == MANIFEST)
        self.entries.insert(last, entry)
        return entry

    def drop(self, *names):
        for name in names:
            self.entries.remove(self[name])

    def edit(self, name, old, new):
        """Replace bytes that stand there once."""
        entry = self[name]
        old, new = (part.encode() if isinstance(part, str) else part for part in (old, new))
        assert entry.content.count(old) == 1, (name, old, entry.content.count(old))
        entry.content = entry.content.replace(old, new)

    def agree(self, *more):
        """Let the manifest say what the entries are. @more: entries of other segments."""
        manifest = json.loads(self[MANIFEST].content)
        listed = {entry["path"]: entry for entry in manifest["entries"]}
        wanted = {}
        for entry in (*self.entries, *more):
            path = "/".join(part for part in entry.name.split("/") if part not in ("", "."))
            if path in (MANIFEST, COMPLETE) or ".." in path.split("/"):
                continue
            row = wanted[path] = {
                "path": path, "type": entry.kind, "mode": f"{entry.mode & 0o7777:04o}",
                "uid": entry.uid, "gid": entry.gid,
                "reasons": listed.get(path, {}).get("reasons", [{"relation": "planted"}])}
            if entry.kind == "symlink":
                row["mode"] = listed.get(path, {}).get("mode", "0777")
                row["target"] = entry.content.decode()
            if entry.kind == "file":
                row["size"] = len(entry.content)
                row["sha256"] = hashlib.sha256(entry.content).hexdigest()
                row["source"] = listed.get(path, {}).get("source", {"kind": "none"})
        manifest["entries"] = [wanted[path] for path in sorted(wanted, key=str.encode)]
        self[MANIFEST].content = json.dumps(manifest).encode()

    def write(self, path, mode=0o600):
        with open(path, "wb") as image:
            for part in self.before:
                image.write(part)
            image.write(self.compress(archive(self.entries)))
        os.chmod(path, mode)


def archive(entries):
    records = [entry.pack(i + 1) for i, entry in enumerate(entries)]
    return b"".join(records) + Entry("TRAILER!!!", 0).pack(0)
