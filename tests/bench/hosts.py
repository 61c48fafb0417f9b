# SPDX-License-Identifier: Apache-2.0
"""What does an image that a host keeps cost: when nothing has changed, and when it is made anew?

The image is only-docker in layout cpio, kept by this host in a tmpfs for the time that this takes, and
judged by what was recorded when it was made. A build is what makes the same image by hand;
update-initramfs makes this host's own one again, as it is set up here, in the same tmpfs.
"""
import os
import subprocess
import sys

import measure

NAME = "bench"
FOLDER = "/etc/mkinitrd/images.d"
STATE = "/var/lib/mkinitrd"


def newest():
    """The kernel that has both modules and itself."""
    found = [name.removeprefix("vmlinuz-") for name in os.listdir("/boot")
             if name.startswith("vmlinuz-")
             and os.path.isdir("/lib/modules/" + name.removeprefix("vmlinuz-"))]
    if not found:
        sys.exit("bench: no kernel in /boot")
    return max(found)


def remove(program):
    """All that keeping the image has left."""
    subprocess.run([program, "disable", NAME], check=False, capture_output=True, timeout=60)
    for path in (FOLDER + f"/{NAME}.yaml", STATE + "/lock"):
        if os.path.exists(path):
            os.unlink(path)
    for path in (FOLDER, os.path.dirname(FOLDER), STATE + "/images", STATE):
        try:
            os.rmdir(path)
        except OSError:
            pass  # somebody else has something in it


def run(options, folder):
    if os.path.isdir(FOLDER) and os.listdir(FOLDER):
        return [f"left out: this host keeps images of its own ({FOLDER})"], []
    if os.geteuid() != 0:
        return ["left out: it needs root"], []
    release = newest()
    update = [options.program, "update", "-k", release, NAME]
    boot = os.path.join(folder, "boot")
    os.makedirs(boot)
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FOLDER}/{NAME}.yaml", "w", encoding="utf-8") as file:
        file.write(f"profile: only-docker\nset: [output.layout=cpio]\nentry: false\n"
                   f"copy-kernel: false\noutput: {folder}/kept-%v.img\n")
    theirs = ["update-initramfs", "-u", "-k", release, "-b", boot]
    try:
        measure.measure(update)
        measure.measure(["update-initramfs", "-c", *theirs[2:]])
        costs = measure.best({
            "mkinitrd build": [options.program, "-p", "only-docker", "--layout", "cpio", "-k",
                               release, "-o", os.path.join(folder, "a.img")],
            "update, nothing changed": update,
            "update --force": [*update, "--force"],
        }, options.rounds)
        more = measure.best({"update --force": [*update, "--force"],
                             "update-initramfs -u": theirs}, min(options.rounds, 2))
        with open(f"{STATE}/images/{NAME}@{release}", "rb") as file:
            watched = file.read().split(b"\n\n", 1)[1].count(b"\n")
    finally:
        remove(options.program)
    costs["update --force"] = costs["update --force"].least(more.pop("update --force"))
    costs |= more
    build, same = costs["mkinitrd build"], costs["update, nothing changed"]
    return [f"{watched} files, folders, symlinks and missing paths are looked at",
            measure.table(costs, options.rounds)], [
        measure.at_most("update with nothing changed, to a build: wall", same.wall / build.wall,
                        0.1),
        measure.at_most("the same: user+sys", same.cpu / build.cpu, 0.1),
        measure.at_least("update-initramfs -u takes longer than update --force, wall",
                         costs["update-initramfs -u"].wall / costs["update --force"].wall, 6),
    ]
