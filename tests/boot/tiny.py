# SPDX-License-Identifier: Apache-2.0
"""Machines without Docker, which boot in seconds: main is a shell that does as it is told."""
import shlex

import machine

# a profile; its modules are those that a disk of this VM takes
PROFILE = """\
include: [host-shell]
kernel: {{ modules: {{ virtio_pci: optional, virtio_blk: required, ext4: required }} }}
boot:
  shell: {{ ttys: [{tty}] }}
  main: {{ exec: [busybox, sh, /main.sh] }}
files:
  # each line that is written to the FIFO is a command
  /main.sh:
    content: |
      busybox mkfifo /run/say
      echo main is here
      while true; do while read -r line; do eval "$line"; done </run/say; done
"""
EXEC = r"mkinitrd: exec: /\S*/busybox$"
MEMORY = 256


def build(test, name, *sets, tty="ttyS1"):
    """Make an image in the test's folder; returns the name that machine() knows it by."""
    profile = test.path(name + ".yaml")
    with open(profile, "w", encoding="utf-8") as file:
        file.write(PROFILE.format(tty=tty))
    arguments = [word for text in sets for word in ("--set", text)]
    machine.build_image(test.path(name + ".img"), "-c", "zstd:1", *arguments, profile=profile)
    return test.path(name)


def wait(guest):
    """Until main was started and the host's shell is there; what is typed before may be lost."""
    guest.wait_for(EXEC, 60)
    guest.wait_for("mkinitrd: host shell on ttyS1", 30, line=guest.shell_line)


def say(guest, command):
    """Let main run a command of the shell; what it prints goes where main's words go."""
    guest.shell.run(f"echo {shlex.quote(command)} >/run/say")


def print_digits(count, *ends):
    """A command for say(): lines of so many digits, each with an end that tells it is whole."""
    lines = "; ".join(f'print s "{end}"' for end in ends)
    return (f"busybox awk 'BEGIN {{ for (i = 0; i < {count // 10}; i++) s = s \"0123456789\"; "
            f"{lines}; exit 3 }}'")


def digits(count, end):
    return "0123456789" * (count // 10) + end
