# SPDX-License-Identifier: Apache-2.0
"""A machine with systemd that runs trees as containers: a Debian on a disk, booted by our init.

In:    a folder; trees for its /var/lib/machines, each with its settings
Out:   the disk and the image of such a machine; a machine of them
Not:   the Debian itself (debian_root.py), what is asked of it (test_machines.py)
"""
import os
import shutil

import debian_root
import disks
import machine
import test_systemd
import trees

PROFILE = """\
include: [host-shell, root-image, docker-modules, iptables-modules]
kernel:
  modules:
    virtio_net: required
    nft_nat: optional
    nft_masq: optional
    nft_fib_ipv4: optional
    nft_fib_ipv6: optional
    nft_fib_inet: optional
    tun: optional
boot:
  shell: { ttys: [] }
  root: { find: LABEL=HOST, wait: 20s }
"""
ETHERNET = """\
[Match]
Name=en* eth*
[Network]
DHCP=ipv4
"""
REACHED = r"TREE systemd pid=systemd$"
ROOT_OK = r"mkinitrd: root: ok source=LABEL=HOST .*init=/sbin/init"


def link(tree, path, target):
    path = os.path.join(tree, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)


def debian(directory):
    """A tree of Debian that is a host or a container: no id of its own, its journal is kept."""
    kept = debian_root.systemd("bookworm", os.path.join(machine.BUILD, "boot-root"))
    disks.run("cp", "-a", "--reflink=auto", kept, directory)
    trees.write(directory, "etc/machine-id", "")
    os.makedirs(os.path.join(directory, "var/log/journal"), exist_ok=True)
    link(directory, "etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
         "/lib/systemd/system/systemd-networkd.service")
    link(directory, "etc/systemd/system/default.target",
         "/usr/lib/systemd/system/multi-user.target")
    return directory


def host(directory, machines):
    """The host's tree: what the test talks to, a network, and the folder @machines as
    /var/lib/machines."""
    tree = debian(directory)
    for name, text, target in (("test-shell", test_systemd.SHELL, "sysinit"),
                               ("test-reached", test_systemd.REACHED, "multi-user")):
        trees.write(tree, f"etc/systemd/system/{name}.service", text)
        link(tree, f"etc/systemd/system/{target}.target.wants/{name}.service",
             f"../{name}.service")
    trees.write(tree, "etc/systemd/network/50-ethernet.network", ETHERNET)
    trees.write(tree, "etc/hostname", "the-host\n")
    shutil.rmtree(os.path.join(tree, "var/lib/machines"), ignore_errors=True)
    shutil.move(machines, os.path.join(tree, "var/lib/machines"))
    os.chmod(os.path.join(tree, "var/lib/machines"), 0o700)
    return tree
