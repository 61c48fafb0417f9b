# SPDX-License-Identifier: Apache-2.0
"""The images that boot tests start from, made once by the real command line.

usage: images.py [NAME...]
"""
import os
import sys

import machine
import registry

# name -> what is different from only-docker with its shell on the second serial line
VARIANTS = {
    # and what stands between a file system and a disk, for the cases of test_power.py
    "only-docker": ["kernel.modules.loop={ load: demand }", "kernel.modules.dm_mod={ load: demand }",
                    "programs.dmsetup={ need: required }", "boot.stop=30s"],
    "containerd-fails": [
        'boot.services.containerd.exec=[busybox, sh, -c, "echo containerd-last-words; exit 7"]'],
    "dockerd-fails": [
        'boot.main.exec=[busybox, sh, -c, "echo dockerd-last-words >&2; exit 1"]'],
    # there is no VMX in the emulated machine
    "module-fails": ["kernel.modules.kvm_intel={ need: required, load: boot }"],
}

# name -> a profile of its own and what else is different
NO_NFT = [f"kernel.modules.{name}=null" for name in ("nf_tables", "nft_compat", "nft_chain_nat")]
PROFILES = {
    # trusts the registry's CA, by two lines; and to the kernel's other firewall
    "legacy": ("""\
include: [only-docker]
files: { /etc/ssl/certs/registry-ca.crt: { from: certificates/ca.crt } }
boot: { services: { rules: { exec: [busybox, sh, -c, "readlink /usr/sbin/iptables; exec sleep 9999999"], needs: [firewall] } } }
""", NO_NFT),
    # no Docker: main holds a file of the disk open, as dockerd does; up in seconds
    "disks": ("""\
include: [base, host-shell, disk-tools]
programs: { e2fsck: required, mke2fs: required }
files: { /etc/docker/daemon.json: { content: '{ "iptables": false, "debug": false }' } }
boot:
  limits: { nofile: 2000000000 }
  disk: { find: LABEL=DOCKER, at: /var/lib/docker, absent: format, wait: 2s, resize: true,
          swap: LABEL=OD-SWAP }
  main:
    # the words behind it are nothing to the shell, and what dockerd could have
    exec: [busybox, sh, -c, "exec >>/var/lib/docker/main; while :; do echo up; sleep 1; done", main,
           --log-level=warn, -H, "unix:///run/one.sock", "--host=unix:///run/two.sock"]
""", []),
    "no-iptables": ("""\
include: [dockerd, dhcp, console, host-shell]
boot: { main: { exec: [dockerd, --iptables=false, --containerd=/run/containerd/containerd.sock] } }
""", ["programs.ps=null"]),
    # the console's image is not carried, two others are; and a second terminal
    "console-choice": ("""\
include: [only-docker]
containers:
  "console-image:latest": null
  "memory-image:1":
    programs: { busybox: {} }
    files: { "/bin/{sh,echo,cat,sleep}": { link: busybox } }
    command: [sh]
  "disk-image:1":
    programs: { busybox: {} }
    files: { "/bin/{sh,echo,cat,sleep}": { link: busybox }, /etc/disk: { content: "of the disk\\n" } }
    command: [sh]
boot: { console: { in-memory: "memory-image:1", on-disk: "disk-image:1", ttys: [console, tty1] } }
""", []),
    "console-missing": ("""\
include: [only-docker]
containers: { "console-image:latest": null }
boot: { console: { in-memory: "nothing-here:1" } }
""", []),
    # no console, and published ports without a proxy for each
    "no-console": ("""\
include: [only-docker]
programs: { docker-proxy: null }
boot:
  console: null
  main: { exec: [dockerd, --userland-proxy=false, --containerd=/run/containerd/containerd.sock] }
""", []),
}


def main():
    machine.needs_tools()
    os.makedirs(machine.IMAGES, exist_ok=True)
    registry.make_certificates(machine.CERTIFICATES)
    wanted = {name: ("only-docker", sets) for name, sets in VARIANTS.items()}
    for name, (text, sets) in PROFILES.items():
        profile = os.path.join(machine.IMAGES, name + ".yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(text)
        wanted[name] = (profile, sets)
    for name in sys.argv[1:] or wanted:
        profile, sets = wanted[name]
        arguments = [word for text in [machine.TTY, *sets] for word in ("--set", text)]
        words = machine.build_image(machine.image_path(name), *arguments, profile=profile)
        print(f"{name}: {os.path.getsize(machine.image_path(name))} bytes\n{words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
