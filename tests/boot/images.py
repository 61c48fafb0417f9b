# SPDX-License-Identifier: Apache-2.0
"""The images that boot tests start from, made once by the real command line."""
import os
import sys

import machine

# name -> what is different from only-docker with its shell on the second serial line
VARIANTS = {
    "only-docker": [],
    "containerd-fails": [
        'boot.services.containerd.exec=[busybox, sh, -c, "echo containerd-last-words; exit 7"]'],
    "dockerd-fails": [
        'boot.main.exec=[busybox, sh, -c, "echo dockerd-last-words >&2; exit 1"]'],
    # there is no VMX in the emulated machine
    "module-fails": ["kernel.modules.kvm_intel={ need: required, load: boot }"],
}


def main():
    machine.needs_tools()
    os.makedirs(machine.IMAGES, exist_ok=True)
    for name, sets in VARIANTS.items():
        arguments = [word for text in [machine.TTY, *sets] for word in ("--set", text)]
        words = machine.build_image(machine.image_path(name), *arguments)
        print(f"{name}: {os.path.getsize(machine.image_path(name))} bytes\n{words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
