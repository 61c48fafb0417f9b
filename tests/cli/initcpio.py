# SPDX-License-Identifier: Apache-2.0
"""What mkinitcpio(8) promises to its hooks, as far as ours use it: Debian has no mkinitcpio.

In:    hooks/mkinitcpio
Out:   the calls that an install file makes; a folder and an image made by them, with an init of our
       own that goes through the stages in the documented order
Not:   mkinitcpio: docs/other-generators.md says how a real one is tried
Facts: mkinitcpio(8), BUILD HOOKS and RUNTIME HOOKS. Install files are sourced by bash, build() is
       called; runtime files are sourced by busybox ash in each stage. A module that ends in "?" may
       be missing. A handler in $mount_handler gets the folder of the new root. No udev here: the
       image's modules are loaded all, which covers the drivers of disks
"""
import os
import re
import shutil
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOOKS = os.path.join(SOURCE, "hooks/mkinitcpio")
# each call is a line of words between tabs
RECORDER = r"""
say() { local IFS=$'\t'; printf '%s\n' "$*"; }
for function in add_module add_binary add_file add_dir add_symlink add_runscript; do
    eval "$function() { say $function \"\$@\"; }"
done
map() { local call=$1 word; shift; for word; do "$call" "$word"; done; }
error() { printf '==> ERROR: %s\n' "$*" >&2; }
source "$1"
build
"""
INIT = """\
#!/bin/busybox ash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/bin
. /functions
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=0755,nosuid,nodev run /run
mount_handler=default_mount_handler init=/sbin/init
for word in $(cat /proc/cmdline); do
    case "${word%%=*}" in
    *[!A-Za-z0-9_]* | [0-9]*) ;;
    *) eval "${word%%=*}=\\${word#*=}" ;;
    esac
done
stage run_earlyhook
modprobe -qab $(cat /modules)
stage run_hook
[ -z "$root" ] || echo "STAGE resolve $root" >/dev/kmsg
[ -n "$fastboot" ] || echo "STAGE fsck" >/dev/kmsg
"$mount_handler" /new_root
stage run_latehook
stage run_cleanuphook
[ "$(stat -c %D /)" != "$(stat -c %D /new_root)" ] || { err "no root"; launch_interactive_shell; }
exec env -i TERM=$TERM /usr/bin/switch_root /new_root $init "$@"
"""
FUNCTIONS = """\
stage() {
    unset -f "$1"
    . /hooks/dock0
    ! type "$1" >/dev/null 2>&1 || "$1"
}
err() { echo "ERROR: $*" >/dev/console; }
launch_interactive_shell() { sh -i </dev/console >/dev/console 2>&1; }
default_mount_handler() {
    mount -t "${rootfstype:-auto}" -o "${rwopt:-ro}${rootflags:+,$rootflags}" "$root" "$1"
}
"""


def build_calls(install=os.path.join(HOOKS, "install/dock0"), **environment):
    """The calls of build(), and what it said."""
    done = subprocess.run(["bash", "-c", RECORDER, "build", install], text=True, timeout=60,
                          capture_output=True, check=False, env=dict(os.environ, **environment))
    return [line.split("\t") for line in done.stdout.splitlines()], done.stderr


class Image:
    """A folder that fills as the calls say."""

    def __init__(self, folder, release):
        self.folder, self.release, self.modules = folder, release, []
        for name in ("dev", "proc", "sys", "run", "new_root", "hooks", "usr/bin", "usr/lib",
                     "usr/lib64", "etc"):
            os.makedirs(os.path.join(folder, name))
        for name in ("bin", "sbin", "usr/sbin"):
            os.symlink("../bin" if "/" in name else "usr/bin", os.path.join(folder, name))
        for name in ("lib", "lib64"):
            os.symlink("usr/" + name, os.path.join(folder, name))

    def add_module(self, name):
        shown = subprocess.run(
            ["modprobe", "--show-depends", "--set-version", self.release, name.rstrip("?")],
            capture_output=True, text=True, timeout=60, check=False)
        if shown.returncode != 0:
            assert name.endswith("?"), shown.stderr
            return
        for path in re.findall(r"^insmod (\S+)", shown.stdout, re.M):
            self.copy(path, "/usr" + path.removeprefix("/usr"))
        self.modules.append(name.rstrip("?"))

    def add_binary(self, path, to=None):
        self.copy(os.path.realpath(path), to or path)
        shown = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=60,
                               check=False)
        for library in re.findall(r"(?:=> )?(/\S+) \(0x", shown.stdout):
            self.copy(os.path.realpath(library), library)

    def add_runscript(self):
        self.copy(os.path.join(HOOKS, "hooks/dock0"), "/hooks/dock0")
        os.chmod(os.path.join(self.folder, "hooks/dock0"), 0o755)

    def copy(self, source, to):
        # as the kernel would find it, through the links of this folder
        target = os.path.join(self.folder, re.sub(r"^/(usr/)?(s?bin)/", "/usr/bin/",
                                                  re.sub(r"^/(lib|lib64)/", r"/usr/\1/", to))[1:])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)

    def write(self, path, text, mode=0o755):
        with open(os.path.join(self.folder, path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(os.path.join(self.folder, path), mode)

    def base(self):
        """What mkinitcpio's hook "base" brings."""
        self.copy("/bin/busybox", "/bin/busybox")
        for applet in ("sh", "ash", "cat", "env", "stat", "grep", "modprobe", "umount", "ls"):
            os.symlink("busybox", os.path.join(self.folder, "usr/bin", applet))
        for program in ("mount", "switch_root", "blkid"):
            self.add_binary(shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin"))
        self.write("init", INIT)
        self.write("functions", FUNCTIONS)
        self.write("modules", " ".join(self.modules))
        shared = f"/lib/modules/{self.release}/"
        for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
            self.copy(shared + name, "/usr" + shared + name)
        subprocess.run(["depmod", "-b", os.path.join(self.folder, "usr"), self.release], check=True,
                       timeout=60)


def build_image(folder, output, release, path):
    """An image of the "base" above and our hook; @path is where programs are looked for."""
    calls, said = build_calls(PATH=path)
    assert not said, said
    image = Image(folder, release)
    for call, *words in calls:
        getattr(image, call)(*words)
    image.base()
    with open(output, "wb") as file:
        names = subprocess.run(["find", "."], cwd=folder, capture_output=True, check=True,
                               timeout=60).stdout
        packed = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=folder, input=names,
                                capture_output=True, check=True, timeout=120).stdout
        subprocess.run(["zstd", "-q", "-1"], input=packed, stdout=file, check=True, timeout=120)
