# SPDX-License-Identifier: Apache-2.0
"""All modules of a kernel with their firmware, beside mkinitramfs MODULES=most, per module."""
import os

import measure
import payload

PROFILE = """description: every module of a kernel
kernel: { modules: { "**": optional }, firmware: auto }
boot: { main: { exec: [busybox, sh] } }
"""


def run(options, folder):
    profile, image = os.path.join(folder, "all.yaml"), os.path.join(folder, "all.img")
    with open(profile, "w", encoding="utf-8") as file:
        file.write(PROFILE)
    build = [options.program, "-p", profile, "-o", image]
    measure.measure(build)
    manifest = payload.unpack(image, os.path.join(folder, "all.cpio"))
    ours = len(payload.of(manifest)[1])
    most = payload.mkinitramfs(os.path.join(folder, "most"), manifest["release"])
    costs = measure.best({"mkinitrd": build, "mkinitramfs MODULES=most": most},
                         min(options.rounds, 3))
    theirs = len(payload.listed(most[-2])[1])
    each = {"mkinitrd": costs["mkinitrd"].wall / ours,
            "mkinitramfs": costs["mkinitramfs MODULES=most"].wall / theirs}
    text = [measure.table(costs, min(options.rounds, 3)),
            f"mkinitrd packs {ours} modules ({each['mkinitrd'] * 1e3:.2f} ms each, written and "
            f"verified), mkinitramfs {theirs} ({each['mkinitramfs'] * 1e3:.2f} ms each)"]
    return text, [measure.at_least("all modules and firmware: mkinitramfs MODULES=most takes longer, "
                                   "wall per module", each["mkinitramfs"] / each["mkinitrd"], 10)]
