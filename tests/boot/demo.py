# SPDX-License-Identifier: Apache-2.0
"""The demonstration's machine: boot the image, look at four things, say what was seen.

usage: demo.py MKINITRD FOLDER

In:    the built program; a folder for image, disk and logs
Out:   exit status 0 only when all four were seen: hand-over to dockerd, its version, a container's
       line, a clean power-off
Not:   building (tests/demo)
"""
import os
import re
import shutil
import sys
import tempfile
import time

import disks
import machine
import vm

ANSWER = "hello from a container"


class Progress:
    """What goes on, on a terminal as one live line below the finished ones."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.started = time.monotonic()

    def done(self, text):
        clear = "\r\033[K" if self.live else ""
        # one write: lines of the machine come from another thread
        sys.stdout.write(f"{clear}  {time.monotonic() - self.started:5.1f} s  {text}\n")
        sys.stdout.flush()

    def now(self, text):
        """What is being waited for; without a terminal nothing, the finished lines are enough."""
        if self.live:
            width = shutil.get_terminal_size().columns - 14
            sys.stdout.write(f"\r\033[K  {time.monotonic() - self.started:5.1f} s  "
                             f"... {text[:width]}")
            sys.stdout.flush()

    def console(self, line):
        """A line of the machine: steps of init are shown for good, others pass by."""
        step = re.search(r"mkinitrd: (.*)", line)
        if step and re.match(r"[a-z]+: ", step.group(1)):
            self.done("  " + step.group(1))
        elif line.strip():
            self.now(line.strip())


def run_demo(program, folder, progress, logs):
    release, kernel_file = machine.kernel()
    image = os.path.join(folder, "only-docker.img")
    disk = os.path.join(folder, "docker.img")

    progress.now("making the image")
    machine.build_image(image, "--set", machine.TTY, program=program)
    progress.done(f"image {os.path.getsize(image) / 1e6:.1f} MB, kernel {release}, "
                  "from this system's Docker")
    if not os.path.exists(disk):
        disks.make_raw(disk + ".new")
        os.rename(disk + ".new", disk)
        progress.done("disk, 2 GB, ext4, labelled DOCKER")
    else:
        progress.done("disk: the one of the last time")

    progress.done("starting the machine (emulated: slow)")
    guest = vm.boot(lambda attempt: vm.VM(
        logs, image, kernel_file, name=f"try-{attempt}", disks=[disk], memory=machine.MEMORY,
        on_line=progress.console))
    try:
        look(guest, progress)
    finally:
        guest.stop()
    wrong = disks.why_not_clean(disk)
    if wrong:
        raise AssertionError(f"power-off: the disk is not clean: {wrong}")
    progress.done("SEEN 4  clean power-off: the disk needs no recovery, e2fsck finds nothing")


def look(guest, progress):
    match = guest.wait_for(machine.EXEC_DOCKERD, machine.READY_SECONDS)
    progress.done(f"SEEN 1  init handed over: {match.group(1)} is process 1")
    guest.wait_for(r"mkinitrd: disk: ok .*LABEL=DOCKER", 1)
    guest.wait_for(machine.DOCKER_READY, machine.READY_SECONDS)

    progress.now("docker version")
    version = guest.shell.run("docker version --format '{{.Server.Version}}'").strip()
    if not re.fullmatch(r"\d+\.\d+\S*", version):
        raise AssertionError(guest.report(f"docker version said {version!r}"))
    progress.done(f"SEEN 2  docker version: server {version}")

    progress.now("docker run")
    said = guest.shell.run(f"docker run --rm {machine.CONSOLE_IMAGE} echo {ANSWER}").strip()
    if said.splitlines()[-1:] != [ANSWER]:
        raise AssertionError(guest.report(f"docker run said {said!r}"))
    progress.done(f"SEEN 3  docker run --rm {machine.CONSOLE_IMAGE}: {said.splitlines()[-1]}")

    progress.now("poweroff")
    guest.shell.type("poweroff")
    reason = guest.wait_end(120)
    if reason != "guest-shutdown":
        raise AssertionError(guest.report(f"the machine ended by {reason}, no power-off"))


def explain(program, folder):
    """What was made, and how to go on by hand."""
    release, kernel_file = machine.kernel()
    image, disk = (os.path.join(folder, name) for name in ("only-docker.img", "docker.img"))
    print(f"""
made:
  {image}   the initramfs: its shell is on the second serial line
  {disk}        the disk, with what Docker keeps on it
again by hand (ctrl-a x ends the machine):
  {program} -p only-docker -k {release} -o my.img
  {program} run my.img --disk {disk}
or QEMU itself:
  {vm.QEMU} -accel tcg,thread=single -cpu max -smp 2 -m {machine.MEMORY} -nographic -no-reboot \\
    -kernel {kernel_file} -initrd my.img -append "console=ttyS0 panic=-1" \\
    -nic user,model=virtio-net-pci -drive if=virtio,format=raw,file={disk}""")


def main():
    program, folder = sys.argv[1:3]
    vm.require(vm.QEMU, "mke2fs", "dumpe2fs", "e2fsck")
    os.makedirs(folder, exist_ok=True)
    progress = Progress()
    logs = tempfile.mkdtemp(prefix="mkinitrd-")
    try:
        run_demo(program, folder, progress, logs)
    except (AssertionError, OSError) as error:
        print(f"\ntests/demo: failed: {error}\nlogs: {logs}", file=sys.stderr)
        return 1
    shutil.rmtree(logs)
    explain(program, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
