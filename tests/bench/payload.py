# SPDX-License-Identifier: Apache-2.0
"""The payload of one of our images, handed to other generators the way their manuals say.

In:    an image
Out:   argv of mkinitramfs and dracut that pack the same files and modules
Facts: mkinitramfs takes a hook with copy_exec and copy_file and a list of modules
       (initramfs-tools(7)), dracut --install and --add-drivers (dracut(8)).
"""
import json
import os
import subprocess

import measure

HOOK = """#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
while read -r kind path; do
	case $kind in
	program) copy_exec "$path" ;;
	*) copy_file payload "$path" || [ $? = 1 ] ;;
	esac
done <{list}
"""


def unpack(image, raw):
    """The archive without its compression, into @raw; its manifest."""
    with open(raw, "wb") as file:
        subprocess.run(["zstd", "-dcq", image], stdout=file, check=True)
    with open(raw, "rb") as file:
        text = subprocess.run(["cpio", "-i", "--quiet", "--to-stdout",
                               "usr/lib/mkinitrd/manifest.json"], stdin=file,
                              stdout=subprocess.PIPE, check=True).stdout
    return json.loads(text)


def of(manifest):
    """Files, with the programs told apart by mode, and module names, all that came from the root."""
    files, modules = [], []
    for entry in manifest["entries"]:
        source = entry.get("source", {})
        if source.get("kind") != "root":
            continue
        path = source["path"]
        name = os.path.basename(path).split(".ko")[0]
        if ".ko" in os.path.basename(path):
            modules.append(name.replace("-", "_"))
        elif "/lib/modules/" not in path:
            is_program = "bin/" in path and os.access(path, os.X_OK)
            files.append(("program" if is_program else "file", path))
    return files, modules


def mkinitramfs(folder, release, *, files=(), modules=None):
    """mkinitramfs in @folder, which must be new. No @modules: MODULES=most."""
    conf = os.path.join(folder, "conf")
    for name in ("hooks", "scripts", "conf.d"):
        os.makedirs(os.path.join(conf, name))
    kind = "most" if modules is None else "list"
    with open(os.path.join(conf, "initramfs.conf"), "w", encoding="utf-8") as file:
        file.write(f"MODULES={kind}\nBUSYBOX=auto\nCOMPRESS=zstd\nCOMPRESSLEVEL=3\nRUNSIZE=10%\n"
                   "FSTYPE=auto\n")
    with open(os.path.join(conf, "modules"), "w", encoding="utf-8") as file:
        file.writelines(name + "\n" for name in modules or ())
    if files:
        listing, hook = os.path.join(folder, "payload"), os.path.join(conf, "hooks", "payload")
        with open(listing, "w", encoding="utf-8") as file:
            file.writelines(f"{kind} {path}\n" for kind, path in files)
        with open(hook, "w", encoding="utf-8") as file:
            file.write(HOOK.format(list=listing))
        os.chmod(hook, 0o755)
    return ["mkinitramfs", "-d", conf, "-o", os.path.join(folder, "image"), release]


def dracut(folder, release, files, modules, *, more=()):
    """dracut in @folder, which must be new, with the two of its modules that bring up a machine
    and no others, so that only the payload is packed. Without @more it compresses as it does by
    default."""
    os.makedirs(os.path.join(folder, "conf.d"))
    with open(os.path.join(folder, "conf"), "w", encoding="utf-8"):
        pass
    return ["dracut", "--force", "--quiet", "--conf", os.path.join(folder, "conf"),
            "--confdir", os.path.join(folder, "conf.d"), "--tmpdir", folder, "--no-hostonly",
            "--modules", "base kernel-modules", "--no-early-microcode", *more,
            "--drivers", " ".join(modules), "--install", " ".join(path for _, path in files),
            os.path.join(folder, "image"), release]


def listed(image):
    """What a peer's image holds, by its own generator's neighbour: paths, and module names."""
    paths = subprocess.run(["lsinitramfs", image], stdout=subprocess.PIPE, text=True,
                           env=measure.ENVIRONMENT, check=True).stdout.splitlines()
    # with merged /usr a path may go by its other name
    return ({path.removeprefix("usr/") for path in paths},
            {os.path.basename(path).split(".ko")[0].replace("-", "_") for path in paths
             if ".ko" in os.path.basename(path)})


def describe(name, image, files, modules):
    """Size of another's image, and how much of the payload is in it."""
    paths, loaded = listed(image)
    found = sum(path.lstrip("/").removeprefix("usr/") in paths for _, path in files)
    return (f"{name}: {os.path.getsize(image) / 1e6:.1f} MB, holds {found} of {len(files)} files, "
            f"{len(set(modules) & loaded)} of {len(modules)} modules, "
            f"{len(loaded - set(modules))} others")
