# SPDX-License-Identifier: Apache-2.0
"""Disks for boot tests: made and looked at without root and without a mount.

Facts: "Filesystem state: clean" says nothing about a journalled file system; needs_recovery in the
       feature line does. `e2fsck -fn` ends with 0 on a dirty journal too, so both are looked at.
"""
import hashlib
import os
import re
import subprocess

ENVIRONMENT = dict(os.environ, LC_ALL="C", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")


def run(*argv, status=0):
    """Run a tool; its output. `status`: what it must end with, None for any."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=ENVIRONMENT, timeout=300, check=False)
    text = done.stdout.decode("utf-8", "replace")
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{text}")
    return text


def make_raw(path, size="2G", arguments=("-t", "ext4", "-L", "DOCKER")):
    """A raw disk, made by mke2fs; with no arguments it stays blank."""
    run("truncate", "-s", size, path)
    if arguments:
        run("mke2fs", "-q", *arguments, path)
    return path


def make_qcow2(path, size="2G", arguments=("-t", "ext4", "-L", "DOCKER")):
    """The same as qcow2, which can hold snapshots of the whole machine."""
    raw = make_raw(path + ".raw", size, arguments)
    run("qemu-img", "convert", "-O", "qcow2", raw, path)
    os.unlink(raw)
    return path


def copy(source, target):
    run("cp", "--sparse=always", "--reflink=auto", source, target)
    return target


def to_raw(path):
    """The disk as it is now, as a raw file beside it."""
    if not path.endswith(".qcow2"):
        return path
    raw = path[:-len("qcow2")] + "raw"
    run("qemu-img", "convert", "-O", "raw", path, raw)
    return raw


def why_not_clean(path):
    """None for an ext file system that needs no recovery and no repair, else what is wrong."""
    raw = to_raw(path)
    header = run("dumpe2fs", "-h", raw)
    features = re.search(r"^Filesystem features:(.*)$", header, re.M).group(1).split()
    if "needs_recovery" in features:
        return "needs_recovery is set: the journal was not written back"
    check = subprocess.run(["e2fsck", "-fn", raw], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, env=ENVIRONMENT, timeout=300, check=False)
    words = check.stdout + check.stderr
    if check.returncode != 0 or re.search(r"\?\s+no|wrong|recover|WARNING", words):
        return f"e2fsck -fn ended with {check.returncode}: {words}"
    return None


def cat(path, inside):
    """A file of an ext file system, by its path in it; None when it is not there."""
    text = run("debugfs", "-R", f"cat {inside}", to_raw(path))
    text = text.split("\n", 1)[1] if text.startswith("debugfs ") else text
    return None if "File not found by ext2_lookup" in text else text


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
