# SPDX-License-Identifier: Apache-2.0
"""The units that are installed: systemd has nothing to say against them.

Facts: systemd-analyze(1), verify: needs no systemd that runs; what it warns of, it prints
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import cli


class Units(unittest.TestCase):

    def setUp(self):
        self.prefix = tempfile.mkdtemp(prefix="mkinitrd-")
        self.addCleanup(shutil.rmtree, self.prefix)

    def test_WD_10_systemd_takes_them(self):
        subprocess.run(["cmake", "--install", cli.BUILD, "--prefix", self.prefix], check=True,
                       capture_output=True, timeout=120)
        units = glob.glob(self.prefix + "/lib/systemd/system/*")
        self.assertIn("dockerlaunch@.service", [os.path.basename(unit) for unit in units])
        for unit in units:
            done = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", unit.replace("@.", "@name.")],
                capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), unit)

    def test_WD_10_verify_would_say_so(self):
        path = os.path.join(self.prefix, "wrong@.service")
        with open(path, "w", encoding="ascii") as file:
            file.write("[Service]\nExecStart=/bin/true\nMemoryMost=1\n")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                               path.replace("@.", "@name.")],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("MemoryMost", done.stdout + done.stderr)


if __name__ == "__main__":
    if not shutil.which("systemd-analyze"):
        print("skipped: not installed: systemd-analyze")
        sys.exit(77)
    unittest.main(verbosity=2)
