# SPDX-License-Identifier: Apache-2.0
"""Roots for boot tests: small trees of busybox, as file system images on disks.

In:    a folder
Out:   trees, SquashFS images, disks with them; made without a mount
Not:   roots of a whole distribution (debian_root.py)
"""
import os
import shutil
import struct

import disks

# says where it is, gives the second serial line a shell, and stays
INIT = """\
#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
echo "TREE {name} pid=$$ name=$0 args=$*" >/dev/console
while true; do
    busybox setsid busybox sh -c 'exec busybox sh -i </dev/ttyS1 >/dev/ttyS1 2>&1'
done
"""
# what a profile of ours starts in the tree: each line that is written to the FIFO is a command
MAIN = """\
busybox mkfifo /run/say
echo "MAIN {name} pid=$$" >/dev/console
while true; do while read -r line; do eval "$line"; done </run/say; done
"""
# offsets in a SquashFS: kernel Documentation/filesystems/squashfs.rst
COMPRESSOR, VERSION_MAJOR = 20, 28


def make(directory, name, init="sbin/init"):
    """A tree that tells its name; without an init when that is None."""
    for folder in ("bin", "sbin", "etc", "dev", "proc", "sys", "run", "tmp", "root", "lib",
                   "usr/lib", "usr/bin", "var/lib"):
        os.makedirs(os.path.join(directory, folder))
    shutil.copy("/bin/busybox", os.path.join(directory, "bin/busybox"))
    for applet in ("sh", "ls", "cat", "touch", "mount", "umount", "sync", "dd", "mkdir", "chroot"):
        os.symlink("busybox", os.path.join(directory, "bin", applet))
    os.symlink("../../bin/busybox", os.path.join(directory, "usr/bin/busybox"))
    write(directory, "etc/tree", name + "\n")
    write(directory, "main.sh", MAIN.format(name=name))
    if init:
        write(directory, init, INIT.format(name=name), 0o755)
    return directory


def write(directory, path, text, mode=0o644):
    path = os.path.join(directory, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def squash(directory, path, *arguments):
    disks.run("mksquashfs", directory, path, "-noappend", "-all-root", "-quiet", "-no-progress",
              "-comp", "zstd", "-Xcompression-level", "1", *arguments)
    return path


def patched(source, path, offset, number):
    """A copy with one 16 bit number changed."""
    shutil.copy(source, path)
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(struct.pack("<H", number))
    return path


def cut(source, path, size):
    with open(source, "rb") as file, open(path, "wb") as target:
        target.write(file.read(size))
    return path


def disk(path, label, folder=None, size="64M", uuid=None, kind="ext4"):
    """A whole disk with a file system, and the folder's content in it."""
    arguments = ["-t", kind, "-L", label]
    if uuid:
        arguments += ["-U", uuid]
    if folder:
        arguments += ["-d", folder]
    return disks.make_raw(path, size, arguments)


def carrier(path, kind, folder):
    """A disk with that file system, labelled by its name, and the folder's content in it."""
    # less than that no mkfs.xfs makes
    disks.run("truncate", "-s", "300M", path)
    if kind == "vfat":
        disks.run("mkfs.vfat", "-n", "VFAT", path)
        disks.run("mcopy", "-s", "-i", path, *(os.path.join(folder, name)
                                               for name in os.listdir(folder)), "::")
    elif kind == "xfs":
        # xfs_protofile of mkfs.xfs(8): folders end with a dollar sign
        lines = ["nothing", "0 0", "d--755 0 0"]
        for name in sorted(os.listdir(folder)):
            lines += [f"{name} d--755 0 0"]
            lines += [f"{file} ---644 0 0 {os.path.join(folder, name, file)}"
                      for file in sorted(os.listdir(os.path.join(folder, name)))]
            lines += ["$"]
        write(os.path.dirname(path), "xfs.proto", "\n".join(lines + ["$", ""]))
        disks.run("mkfs.xfs", "-q", "-L", "XFS", "-p",
                  os.path.join(os.path.dirname(path), "xfs.proto"), path)
    else:
        disks.run("mkfs.btrfs", "-q", "-L", "BTRFS", "--rootdir", folder, path)
    return path


def add_segment(image, path, text):
    """One more archive at the image's end: what it holds replaces what came before."""
    with open(image, "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"\0" * (-file.tell() % 4))
        file.write(newc(path, text.encode()) + newc("TRAILER!!!", b""))


def newc(path, content):
    """An entry of cpio's form that the kernel reads: buffer-format.rst of its documentation."""
    name = path.encode() + b"\0"
    mode = 0o100644 if path != "TRAILER!!!" else 0
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return (header + b"\0" * (-len(header) % 4)) + content + b"\0" * (-len(content) % 4)
