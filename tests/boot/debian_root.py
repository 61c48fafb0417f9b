# SPDX-License-Identifier: Apache-2.0
"""A root of a Debian release with kernel and Docker, installed by mmdebstrap for a test.

In:    the release's name
Out:   a directory; with depmod's files removed, as in a root that was put together by hand
Not:   the release that this machine runs: that one is `/`
Facts: packages come from where this machine's own come from, whatever host that is. What the kernel
       package itself ships stays: modules.order, modules.builtin, modules.builtin.modinfo (see
       modules.dep(5), depmod(8)).
"""
import os
import subprocess

import disks

PACKAGES = ["linux-image-amd64", "kmod", "docker.io", "containerd", "runc", "iptables",
            "ca-certificates", "busybox-static", "procps"]
# trixie moved the client out of docker.io
MORE = {"trixie": ["docker-cli"], "sid": ["docker-cli"]}
SHIPPED = {"modules.order", "modules.builtin", "modules.builtin.modinfo"}


def archive():
    """Where this machine's packages come from."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=True, timeout=60).stdout.split()
    if not said:
        raise AssertionError("apt knows no package archive; run apt-get update")
    return said[0]


def make(release, directory):
    """@release in @directory, which must not be there. With MKINITRD_TEST_ROOTS=FOLDER a copy of
    FOLDER/RELEASE, which is installed once."""
    folder = os.environ.get("MKINITRD_TEST_ROOTS")
    if not folder:
        return install(release, directory)
    kept = os.path.join(folder, release)
    if not os.path.isdir(kept):
        os.rename(install(release, kept + ".new"), kept)
    disks.run("cp", "-a", "--reflink=auto", kept, directory)
    return directory


def install(release, directory, packages=None):
    packages = packages or ",".join(PACKAGES + MORE.get(release, []))
    # a mirror may be older than what its lists say they are good for, which only sid's do;
    # INITRD=No: no initramfs of the release's own generator, which takes a minute
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={packages}",
         "--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Check-Valid-Until false",
         "--dpkgopt=path-exclude=/usr/share/doc/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*", release, directory, archive()],
        env=dict(os.environ, INITRD="No", LC_ALL="C"), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode != 0:
        raise AssertionError(f"mmdebstrap {release}: status {done.returncode}\n{done.stderr}")
    return directory


def kernel(directory):
    """Release and file of the kernel in the root."""
    release, = os.listdir(os.path.join(directory, "lib/modules"))
    return release, os.path.join(directory, f"boot/vmlinuz-{release}")


def forget_depmod(directory):
    """Remove what depmod made; the names of what went."""
    modules = os.path.join(directory, "lib/modules", kernel(directory)[0])
    gone = [name for name in sorted(os.listdir(modules))
            if name.startswith("modules.") and name not in SHIPPED]
    for name in gone:
        os.unlink(os.path.join(modules, name))
    return gone


def kept_root(release, directory, name, packages, paths, **environment):
    """A tree of @release with @packages and without @paths, made once, then kept in @directory."""
    kept = os.path.join(directory, f"{name}-{release}")
    if os.path.isdir(kept):
        return kept
    os.makedirs(directory, exist_ok=True)
    if os.path.isdir(kept + ".new"):  # of a run that was cut off
        disks.run("rm", "-rf", "--one-file-system", kept + ".new")
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential",
         f"--include={','.join(packages)}",
         "--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Check-Valid-Until false",
         *(f"--dpkgopt=path-exclude={path}" for path in paths), release, kept + ".new", archive()],
        env=dict(os.environ, LC_ALL="C", **environment), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode != 0:
        raise AssertionError(f"mmdebstrap {release}: status {done.returncode}\n{done.stderr}")
    os.rename(kept + ".new", kept)
    return kept


def systemd(release, directory):
    """A small tree of @release with systemd as its init, what runs and manages containers, and a
    static busybox, kept in @directory once it is there."""
    return kept_root(
        release, directory, "systemd-container",
        ["systemd-sysv", "udev", "kmod", "busybox-static", "systemd-container", "dbus", "iproute2",
         "procps"],
        ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"])


def host(release, directory):
    """A tree of @release that can be a Docker host: apt, a small kernel, the release's own
    initramfs generator, GRUB's tools, Docker; kept in @directory once it is there. There is no
    initramfs in it."""
    packages = [name for name in PACKAGES if not name.startswith("linux-image")]
    return kept_root(
        release, directory, "host",
        ["apt", "linux-image-cloud-amd64", "initramfs-tools", "grub2-common", "e2fsprogs",
         *packages], ["/usr/share/locale/*"], INITRD="No")
