# SPDX-License-Identifier: Apache-2.0
"""How long from init's first instruction to dockerd's, beside a shell script that does the same?

The same image, kernel, disk and machine; `rdinit=` chooses. Both ends are the kernel's own clock: its
line "Run ... as init process", and the line that either init writes right before exec. dockerd must
then answer in both, or the boot does not count.
"""
import os
import re
import sys

import measure

sys.path.insert(0, os.path.join(measure.SOURCE, "tests", "boot"))
# pylint: disable=wrong-import-position
import disks  # noqa: E402
import machine  # noqa: E402
import payload  # noqa: E402
import vm  # noqa: E402

SHELL_INIT = "/usr/lib/bench/shell-init"
APPLETS = ("cat,find,findfs,hostname,ip,ln,mkdir,mount,sleep,sort,udhcpc,usleep,xargs,chroot")
PROFILE = f"""include: [only-docker]
files:
  {SHELL_INIT}: {{ from: ./shell-init, mode: "0755" }}
  "/usr/lib/bench/bin/{{{APPLETS}}}": {{ link: /usr/bin/busybox }}
"""
START = r"^\[ *([0-9.]+)\] Run (\S+) as init process"
END = r"^\[ *([0-9.]+)\] (?:mkinitrd: exec: \S+dockerd|shell-init: exec)"
STEPS = re.compile(r"mkinitrd: (\w+): (?:ok|skipped).*\((\d+) ms\)")


def boot_modules(manifest_folder, image):
    """Names of the modules that our plan loads at every boot."""
    raw = os.path.join(manifest_folder, "init.cpio")
    payload.unpack(image, raw)
    with open(raw, "rb") as file:
        plan = re.search(rb"mkinitrd-plan 1\n.*?\n\0*070701", file.read(), re.S).group(0)
    return re.findall(r"^module name=(\S+) .*load=b(?:oot|eside)", plan.decode("utf-8", "replace"), re.M)


def image(options, folder):
    """The only-docker image with the shell script in it."""
    output = os.path.join(folder, "init.img")
    flat = ["--layout", "cpio"]  # the script has no other
    measure.measure([options.program, "-p", "only-docker", *flat, "-o", output])
    with open(os.path.join(measure.SOURCE, "tests", "bench", "shell-init"),
              encoding="utf-8") as file:
        script = file.read().replace("@BOOT_MODULES@", " ".join(boot_modules(folder, output)))
    for name, text in (("shell-init", script), ("init.yaml", PROFILE)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    measure.measure([options.program, "-p", os.path.join(folder, "init.yaml"), *flat, "--set",
                     machine.TTY, "-o", output])
    return output


def seconds(folder, name, path, append):
    """Boot once; seconds from the kernel's line to exec, and what our steps took."""
    disk = disks.make_raw(os.path.join(folder, name + ".raw"), "1G")
    with vm.VM(folder, path, machine.kernel()[1], name=name, disks=[disk], memory=machine.MEMORY,
               append=append) as guest:
        end = guest.wait_for(END, 300)
        start = re.search(START, guest.console.text, re.M)
        guest.wait_for(r"shell-init: dockerd answers|mkinitrd: console: ok", 300)
        took = float(end.group(1)) - float(start.group(1))
    os.unlink(disk)
    return took, STEPS.findall(guest.console.text[:end.start()])


def run(options, folder):
    path = image(options, folder)
    ways = {"init": "", "shell-init": f"rdinit={SHELL_INIT}"}
    best, steps = {name: float("inf") for name in ways}, []
    for number in range(options.rounds):
        for name, append in ways.items():
            took, said = seconds(folder, f"{name}-{number}", path, append)
            if took < best[name]:
                best[name] = took
                steps = said or steps
        print(f"bench: boots {number + 1} of {options.rounds}", file=sys.stderr)
    text = [f"{name}: {took:.2f} s of the guest's clock" for name, took in best.items()]
    text.append("our steps: " + ", ".join(f"{name} {ms} ms" for name, ms in steps))
    return text, [measure.at_most("init's first instruction to exec, to a busybox shell init",
                                  best["init"] / best["shell-init"], 0.5)]
