# SPDX-License-Identifier: Apache-2.0
"""How large is the smallest Docker root, and how long does its container image take?

What must be there is counted without mkinitrd: the programs that docker-from-scratch names, what
ldd says of them, the extensions of iptables and the certificates. docker build makes an image
`FROM scratch` of the finished tar; mkinitrd finds the files, hashes them, writes the image and
reads all of it back. The engine and both outputs lie on one file system.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import measure

sys.path.insert(0, os.path.join(measure.SOURCE, "tests", "boot"))
# pylint: disable=wrong-import-position
import dockerd  # noqa: E402

PROFILE = "docker-from-scratch"


def libraries(path):
    done = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=60, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def needed(options):
    """Bytes of the files that must be there, each once."""
    shown = subprocess.run([options.program, "profile", "show", "--json", "-p", PROFILE],
                           check=True, stdout=subprocess.PIPE, timeout=60,
                           env=measure.ENVIRONMENT)
    profile = json.loads(shown.stdout)["profile"]
    paths = {os.path.join(os.path.dirname(os.path.abspath(options.program)), "dockerlaunch"),
             "/etc/ssl/certs/ca-certificates.crt"}
    for folder in ("/usr/lib", *glob.glob("/usr/lib/*-linux-*")):
        paths |= set(glob.glob(folder + "/xtables/*.so"))
    paths |= {shutil.which(name, path=measure.ENVIRONMENT["PATH"]) for name in profile["programs"]
              if name != "dockerlaunch"} - {None}
    for path in list(paths):
        paths |= set(libraries(path))
    files = {os.stat(path).st_ino: os.stat(path).st_size for path in paths}
    return sum(files.values())


def run(options, folder):
    if dockerd.lacks():
        sys.exit("bench: exports: " + dockerd.lacks())
    tar = os.path.join(folder, "files.tar")
    measure.measure([options.program, "tar", "-p", PROFILE, "-o", tar])
    size, must = os.path.getsize(tar), needed(options)
    context = os.path.join(folder, "context")
    os.mkdir(context)
    os.link(tar, os.path.join(context, "files.tar"))
    with open(os.path.join(context, "Dockerfile"), "w", encoding="ascii") as file:
        file.write("FROM scratch\nADD files.tar /\n")
    with dockerd.Dockerd(os.path.join(folder, "engine")) as engine:
        costs = measure.best({
            "mkinitrd oci": [options.program, "oci", "-p", PROFILE, "-o",
                             os.path.join(folder, "image.tar")],
            "docker build": engine.argv("build", "-q", "--no-cache", "-t", "built", context),
        }, options.rounds)
    ours, theirs = costs["mkinitrd oci"], costs["docker build"]
    text = [measure.table(costs, options.rounds),
            f"files.tar: {size / 1e6:.1f} MB; what must be there: {must / 1e6:.1f} MB"]
    return text, [
        measure.at_most(f"{PROFILE}.tar, to the files that must be there", size / must, 1.03),
        measure.at_least("mkinitrd oci, faster than docker build FROM scratch + ADD",
                         theirs.wall / ours.wall, 5),
    ]
