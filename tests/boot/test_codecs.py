# SPDX-License-Identifier: Apache-2.0
"""What the writer makes, unpacked by the kernel: every compression, behind an early segment.

Facts: a microcode file of AMD's is a container with a table of processors, then patches, and the
       kernel takes one for the processor that it runs on, when it is not older than what is there:
       verify_container(), verify_equivalence_table(), verify_patch() and
       apply_microcode_early_amd() in arch/x86/kernel/cpu/microcode/amd.c. It does so before it
       unpacks anything, and not below a hypervisor that says that it is one. Blocks of lz4 have
       8 MiB, and one that cannot be compressed grows: lib/decompress_unlz4.c. Ours of xz have
       16 MiB.
"""
import hashlib
import os
import random
import re
import shutil
import struct
import unittest

import machine
import vm

# the least level and the usual one
COMPRESSIONS = ["none", "gzip:1", "gzip", "xz:0", "xz", "zstd:1", "zstd", "lz4:1", "lz4"]
MEMORY = 320
PROCESSOR = "max,-hypervisor,vendor=AuthenticAMD,family=21,model=2,stepping=0"
SIGNATURE = 0x00600f20  # what such a processor says: CPUID 1, EAX
EQUIVALENT = 0x6020     # its family again, in the form that a patch has it
REVISION = 0x01000065   # that QEMU's processors have; the same is taken once more
MICROCODE = "kernel/x86/microcode/AuthenticAMD.bin"
UNPACKED = r"CODECS-SUM ([0-9a-f]{64}) +(\S+)"
REFUSED = re.compile(r".*(?:Initramfs unpacking failed|junk|invalid magic|no cpio magic|"
                     r"compression method|not configured|is corrupt).*", re.I)
ACCEPTED = r"microcode.*updated early"

PROFILE = """\
kernel: { microcode: auto }
programs: { busybox: required }
files: { /mixed: {}, /judge: {} }
boot:
  main: { exec: [busybox, sh, /judge] }
"""

# a record of the kernel log is what one write has
JUDGE = f"""\
for file in /mixed /{MICROCODE}; do
    line=$(busybox sha256sum $file)
    echo "CODECS-SUM $line"
done
echo CODECS-END
busybox poweroff -f
"""


def amd_microcode():
    """A patch that does nothing, for the processor that QEMU is told to be."""
    table = struct.pack("<3IHH", SIGNATURE, 0, 0, EQUIVALENT, 0) + bytes(16)
    patch = struct.pack("<IIHBBIIIHBB", 0, REVISION, 0, 0, 0, 0, 0, 0, EQUIVALENT, 0, 0)
    patch = patch.ljust(512, b"\0")
    return (struct.pack("<3I", 0x00414d44, 0, len(table)) + table
            + struct.pack("<2I", 1, len(patch)) + patch)


def mixed(compression):
    """22 MB: text, noise and zeros, more than one block of any compression. For lz4 the noise has
    a whole block; elsewhere that would only take time."""
    noise = (17 if compression.startswith("lz4") else 1) << 20
    source = random.Random(17)
    words = [source.randbytes(source.randrange(3, 12)) for _ in range(2000)]
    text = b" ".join(source.choices(words, k=400000))
    return text + source.randbytes(noise) + bytes((19 << 20) - noise)


class Codecs(machine.BootTest):

    def make_root(self):
        release, _ = machine.kernel()
        contents = {"usr/lib/firmware/amd-ucode/microcode_amd.bin": amd_microcode(),
                    "judge": JUDGE.encode()}
        for name, content in contents.items():
            path = self.path("root/" + name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        # a kernel without any modules is a kernel too
        for path in ("usr/bin", "boot", f"usr/lib/modules/{release}/kernel"):
            os.makedirs(self.path("root/" + path))
        for name in ("bin", "lib"):
            os.symlink("usr/" + name, self.path("root/" + name))
        shutil.copy(shutil.which("busybox"), self.path("root/usr/bin/busybox"))
        # that the kernel can unpack it is asked there
        shutil.copy(f"/boot/config-{release}", self.path("root/boot"))

    def boot(self, image, name):
        _, kernel_file = machine.kernel()
        guest = vm.boot(lambda attempt: vm.VM(
            self.directory, image, kernel_file, name=f"{name}-{attempt}", memory=MEMORY,
            nic="none", extra=("-cpu", PROCESSOR)), 60)
        self.addCleanup(guest.stop)
        return guest

    def check(self, compression, profile):
        content = mixed(compression)
        with open(self.path("root/mixed"), "wb") as file:
            file.write(content)
        image = self.path("codecs.img")
        machine.build_image(image, "--root", self.path("root"), "-c", compression, profile=profile)
        guest = self.boot(image, compression.replace(":", "-"))
        guest.wait_for(r"mkinitrd: plan: ok", 60)
        guest.wait_for(r"mkinitrd: exec: \S*busybox$", 60)
        guest.wait_for("CODECS-END", 60)
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assertEqual({path: sum for sum, path in re.findall(UNPACKED, guest.console.text)},
                         {"/mixed": hashlib.sha256(content).hexdigest(),
                          "/" + MICROCODE: hashlib.sha256(amd_microcode()).hexdigest()})
        self.assertIsNone(REFUSED.search(guest.console.text))
        self.assertRegex(guest.console.text, re.compile(ACCEPTED, re.I))
        print(f"{compression}: {os.path.getsize(image)} bytes", flush=True)

    def test_OD_17_the_kernel_unpacks_every_compression(self):
        self.make_root()
        profile = self.path("codecs.yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(PROFILE)
        for compression in COMPRESSIONS:
            with self.subTest(compression):
                self.check(compression, profile)


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
