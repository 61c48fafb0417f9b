# SPDX-License-Identifier: Apache-2.0
"""dracut of this machine with our module, as our own installation puts it into /usr.

In:    a folder for the installation, a kernel's release
Out:   what dracut made, or said
Facts: dracut has no option for another modules' folder; an overlay in a mount namespace of its own
       shows it ours, and the machine's /usr stays as it is: mount_namespaces(7)
"""
import os
import subprocess

import cli

OVERLAY = 'mount -t overlay stage -o "lowerdir=$0:/usr" /usr && exec "$@"'
# enough for a boot, and quick
QUICK = ["--force", "--no-hostonly", "--no-early-microcode", "--nostrip", "--compress", "zstd -1"]


def install(stage):
    """All that our installation puts into /usr, once a folder."""
    if not os.path.isdir(stage):
        subprocess.run(["cmake", "--install", cli.BUILD, "--prefix", "/usr"], check=True,
                       stdout=subprocess.DEVNULL, timeout=120, env=dict(os.environ, DESTDIR=stage))
    return os.path.join(stage, "usr")


def run(stage, release, output, *arguments, **environment):
    """dracut with these arguments; its status and its words."""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", OVERLAY, install(stage), "dracut", *QUICK,
         "--kver", release, *arguments, output],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=600, check=False, env=dict(os.environ, LC_ALL="C", **environment))
    return done.returncode, done.stdout


def build(stage, release, output, modules, *arguments, **environment):
    """An image of these modules of dracut and of what they depend on, and of no other."""
    status, said = run(stage, release, output, "--modules", modules, *arguments, **environment)
    if status != 0:
        raise AssertionError(f"dracut: status {status}\n{said}")
    return said
