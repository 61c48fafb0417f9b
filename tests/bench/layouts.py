# SPDX-License-Identifier: Apache-2.0
"""What layout squashfs changes at boot: when init starts, when Docker answers, how much memory is left.

The same payload, kernel, disk and machine. Times are of the kernel's own clock: its line "Run ... as
init process", and our line that Docker answers. MemAvailable is read then by a shell in the guest.
"""
import os
import re
import sys

import measure

sys.path.insert(0, os.path.join(measure.SOURCE, "tests", "boot"))
# pylint: disable=wrong-import-position
import disks  # noqa: E402
import machine  # noqa: E402
import vm  # noqa: E402

START = r"^\[ *([0-9.]+)\] Run (\S+) as init process"
READY = r"^\[ *([0-9.]+)\] mkinitrd: docker answers"
# blocks and compressors of the SquashFS that are compared with each other
FORMS = ("zstd:9 128K", "zstd:9 64K", "lz4 128K")


def boot(folder, name, image):
    """(init, docker, MiB available) of one boot."""
    disk = disks.make_raw(os.path.join(folder, name + ".raw"), "1G")
    with vm.VM(folder, image, machine.kernel()[1], name=name, disks=[disk],
               memory=machine.MEMORY) as guest:
        guest.wait_for(machine.EXEC_DOCKERD, 300)
        ready = guest.wait_for(READY, 300)
        start = re.search(START, guest.console.text, re.M)
        guest.shell.start()
        said = guest.shell.run("cat /proc/meminfo")
    os.unlink(disk)
    available = int(re.search(r"MemAvailable: *(\d+) kB", said).group(1)) / 1024
    return float(start.group(1)), float(ready.group(1)), available


def run(options, folder):
    images = {}
    for form in ("cpio", *FORMS):
        more = ["--layout", "cpio"] if form == "cpio" else [
            "--layout", "squashfs", "--set", f"output.squashfs.compress={form.split()[0]}",
            "--set", f"output.squashfs.block={form.split()[1]}"]
        images[form] = os.path.join(folder, form.replace(" ", "-").replace(":", "-") + ".img")
        measure.measure([options.program, "-p", "only-docker", "--set", machine.TTY, *more, "-o",
                         images[form]])
    best = {form: (float("inf"), float("inf"), 0.0) for form in images}
    for number in range(options.rounds):
        for form, image in images.items():
            name = f"{os.path.basename(image)}-{number}"
            start, ready, available = boot(folder, name, image)
            before = best[form]
            best[form] = (min(before[0], start), min(before[1], ready),
                          max(before[2], available))
        print(f"bench: boots {number + 1} of {options.rounds}", file=sys.stderr)
    text = [f"{form}: init after {start:.2f} s, Docker answers after {ready:.2f} s, "
            f"{available:.0f} MiB available, image {os.path.getsize(images[form]) / 1e6:.1f} MB"
            for form, (start, ready, available) in best.items()]
    ours, flat = best[FORMS[0]], best["cpio"]
    return text, [
        measure.at_most("squashfs to cpio: kernel start to init", ours[0] / flat[0], 0.45),
        measure.at_most("the same: to Docker answering", ours[1] / flat[1], 0.95),
        measure.at_least("the same: more memory available", ours[2] - flat[2], 90, "MiB"),
    ]
