# SPDX-License-Identifier: Apache-2.0
"""Power cuts: a machine whose power goes at random moments, again and again on the same disk.

usage: soak.py [--count 50] [--seed N]

In:    the image of the boot tests
Out:   nothing lost that was synced before a cut, every boot reaches Docker; count and seed
Facts: QEMU is killed, so what it had not written to the disk's file is what a disk with an honest
       cache would lose: the guest's own. Cuts fall into the boot as well as into the work.
"""
import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import time

import disks
import machine
import vm

IMAGE = machine.CONSOLE_IMAGE
# each number is on the line only when all that was written before is on the disk
WORK = ("n={first}; while :; do n=$((n+1)); echo $n >/var/lib/docker/volumes/kept/_data/$n; "
        # a cut may have left one of that name, with what was not synced
        "docker rm -f w$n >/dev/null 2>&1; "
        f"docker run --name w$n -v kept:/v {IMAGE} sh -c \"echo $n >/made; cp /v/$n /copy\" && "
        "docker commit w$n cut:$n >/dev/null && docker rm w$n >/dev/null && sync && "
        "echo SYN\"\"CED-$n- || break; done; echo WORK\"\"-FAILED")


class Soak:

    def __init__(self, folder, options):
        self.folder, self.random = folder, random.Random(options.seed)
        self.disk = disks.make_raw(os.path.join(folder, "disk.raw"), "4G")
        self.synced, self.boots, self.cut_in_boot = 0, 0, 0

    def make(self, attempt=1):
        self.boots += 1
        return vm.VM(self.folder, machine.image_path("only-docker"), machine.kernel()[1],
                     name=f"vm-{self.boots}-{attempt}", disks=[self.disk], memory=machine.MEMORY)

    def up(self):
        guest = vm.boot(self.make)
        guest.wait_for(machine.DOCKER_READY, machine.READY_SECONDS)
        return guest

    def cut(self, guest):
        guest.process.kill()
        guest.stop()

    def check(self, guest):
        """What was synced before any of the cuts is there."""
        if not self.synced:
            guest.shell.run("docker volume create kept")
            return
        said = guest.shell.run("docker images --format '{{.Repository}}:{{.Tag}}'", 120)
        there = {int(n) for n in re.findall(r"^cut:(\d+)$", said, re.M)}
        lost = set(range(1, self.synced + 1)) - there
        assert not lost, f"images lost: {sorted(lost)}"
        said = guest.shell.run(f"cd /var/lib/docker/volumes/kept/_data; for n in $(seq {self.synced}); "
                               "do [ \"$(cat $n)\" = $n ] || echo LOST $n; done", 120)
        assert "LOST" not in said, said
        said = guest.shell.run(f"docker run --rm cut:{self.synced} cat /made /copy", 120)
        assert said == f"{self.synced}\n{self.synced}\n", said

    def round(self):
        # every fourth cut falls into the boot
        if self.random.random() < 0.25:
            guest = self.make()
            guest.start()
            time.sleep(self.random.uniform(1, 30))
            self.cut_in_boot += 1
            self.cut(guest)
            return
        guest = self.up()
        try:
            self.check(guest)
            since = len(guest.shell_line.text)
            guest.shell_line.send(WORK.format(first=self.synced) + "\n")
            time.sleep(self.random.uniform(5, 45))
            said = guest.shell_line.text[since:]
            assert "WORK-FAILED" not in said, said
            for n in re.findall(r"SYNCED-(\d+)-\n", said):
                self.synced = max(self.synced, int(n))
        finally:
            self.cut(guest)

    def finish(self):
        guest = self.up()
        self.check(guest)
        guest.shell.type("poweroff")
        guest.wait_end(150)
        why = disks.why_not_clean(self.disk)
        assert why is None, why


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    machine.needs_tools()
    folder = tempfile.mkdtemp(prefix="mkinitrd-soak-")
    soak = Soak(folder, options)
    print(f"soak: seed {options.seed}", flush=True)
    try:
        for number in range(1, options.count + 1):
            soak.round()
            print(f"soak: cut {number} of {options.count}, {soak.synced} images synced so far",
                  flush=True)
        soak.finish()
    finally:
        if os.environ.get("MKINITRD_KEEP"):
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"soak: {options.count} power cuts ({soak.cut_in_boot} during boot), seed {options.seed}: "
          f"{soak.synced} images synced, none lost, every boot reached Docker, clean at the end")


if __name__ == "__main__":
    main()
