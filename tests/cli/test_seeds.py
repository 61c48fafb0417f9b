# SPDX-License-Identifier: Apache-2.0
"""docs/seeds.md is what tests/seeds makes of the tests' names; each row that is done has one."""
import os
import subprocess
import sys
import unittest

import cli


class Seeds(unittest.TestCase):

    def test_page_and_rows(self):
        done = subprocess.run([sys.executable, os.path.join(cli.SOURCE, "tests/seeds")],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 0)
        with open(os.path.join(cli.SOURCE, "docs/seeds.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), done.stdout, "run tests/seeds --write")


if __name__ == "__main__":
    unittest.main(verbosity=2)
