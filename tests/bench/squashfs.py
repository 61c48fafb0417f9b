# SPDX-License-Identifier: Apache-2.0
"""How long does layout squashfs take, beside mksquashfs; and when only the kernel changed?

Both make a SquashFS of the same tree with the same compressor, level, block size and threads. Ours
also finds what goes into it, hashes it, makes the rest of the image, and reads all of it back.
"""
import json
import os
import shutil
import subprocess

import measure
import memory

COMPRESS, LEVEL, BLOCK = "zstd", 9, "128K"
THREADS = "2"
PAYLOAD = 2000  # MB
TREE = """include: [only-docker]
trees: {{ payload: {{ from: {folder}, at: /opt/payload }} }}
"""
KERNELS = ("lib/modules/", "usr/lib/modules/", "lib/firmware/", "usr/lib/firmware/")


def mksquashfs(tree, output):
    return ["sh", "-c", 'rm -f "$2"; exec mksquashfs "$1" "$2" -noappend -quiet -no-progress '
            f"-comp {COMPRESS} -Xcompression-level {LEVEL} -b {BLOCK} -processors {THREADS} "
            "-all-time 0 -mkfs-time 0", "sh", tree, output]


def build(options, profile, image, *more):
    return [options.program, "-p", profile, "--layout", "squashfs", "-j", THREADS, "--set",
            f"output.squashfs.compress={COMPRESS}:{LEVEL}", "--set",
            f"output.squashfs.block={BLOCK}", "-o", image, *more]


def cold(argv, image):
    return ["sh", "-c", 'rm -f "$0"; exec "$@"', image, *argv]


def stage1(options, image):
    """Bytes of what is unpacked before the SquashFS is mounted, modules and firmware aside."""
    done = subprocess.run([options.program, "ls", "--json", image], check=True, timeout=60,
                          stdout=subprocess.PIPE, env=measure.ENVIRONMENT)
    entries = json.loads(done.stdout)
    # what comes between the two archives is in the SquashFS
    archives = {min(entry["segment"] for entry in entries), max(entry["segment"] for entry in entries)}
    return sum(110 + len(entry["path"]) + entry["size"] for entry in entries
               if entry["segment"] in archives and not entry["path"].startswith(KERNELS))


def large(options, folder):
    """Peak memory of a tree of 2 GB."""
    payload = os.path.join(folder, "payload")
    os.mkdir(payload)
    for number in range(PAYLOAD // 50):
        memory.fill(os.path.join(payload, str(number)), 50)
    profile = os.path.join(folder, "large.yaml")
    with open(profile, "w", encoding="utf-8") as file:
        file.write(TREE.format(folder="payload"))
    cost = measure.measure(build(options, profile, os.path.join(folder, "large.img")))
    shutil.rmtree(payload)
    return cost


def run(options, folder):
    image, tree = os.path.join(folder, "a.img"), os.path.join(folder, "tree")
    ours = build(options, "only-docker", image)
    # the tree: what the SquashFS of a build holds
    carried = os.path.join(folder, "root.sqfs")
    measure.measure([*ours, "--squashfs", carried])
    measure.measure(["unsquashfs", "-q", "-n", "-d", tree, carried])
    theirs = mksquashfs(tree, os.path.join(folder, "theirs.sqfs"))
    costs = measure.best({
        "mkinitrd, cold": cold(ours, image),
        "mksquashfs": theirs,
        "mkinitrd, other kernel": ours,
    }, options.rounds)
    costs["mkinitrd, 2 GB more"] = large(options, folder)
    text = [f"payload: {os.path.getsize(carried) / 1e6:.1f} MB of {COMPRESS}:{LEVEL}, blocks of "
            f"{BLOCK}, mksquashfs: "
            f"{os.path.getsize(os.path.join(folder, 'theirs.sqfs')) / 1e6:.1f} MB; image "
            f"{os.path.getsize(image) / 1e6:.1f} MB",
            "other kernel: the archive is made, the SquashFS is proved and taken over",
            measure.table(costs, options.rounds)]
    first = costs["mkinitrd, cold"]
    return text, [
        measure.at_most("squashfs, only-docker, cold, verified: wall, to mksquashfs",
                        first.wall / costs["mksquashfs"].wall, 1.2),
        measure.at_most("the same: only the kernel changed, wall, to cold",
                        costs["mkinitrd, other kernel"].wall / first.wall, 0.3),
        measure.at_most("the same: peak memory with a tree of 2 GB",
                        costs["mkinitrd, 2 GB more"].memory / 1e6, 300, "MB"),
        measure.at_most("the same: stage 1 without modules, unpacked", stage1(options, image) / 1e6,
                        3, "MB"),
    ]
