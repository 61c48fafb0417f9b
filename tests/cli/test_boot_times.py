# SPDX-License-Identifier: Apache-2.0
"""mkinitrd boot-times: logs as consoles give them, and what cannot be read."""
import json
import os
import subprocess

import cli

LOG = """\
[    0.000000] Linux version 6.1.0 (gcc)
[    1.500000] mkinitrd: mounts: ok root=rerooted (12 ms)
[    1.600000] mkinitrd: disk: skipped: absent, tmpfs
[    2.000000] mkinitrd: services: ok started=containerd (300 ms)
[    2.100000] mkinitrd: exec: /usr/sbin/dockerd
[    8.400000] mkinitrd: docker answers (6300 ms)
"""
SAID = """\
Startup finished in 1.488s (kernel) + 612ms (init) + 6.300s (docker) = 8.400s

         6.300s docker
          300ms services
           12ms mounts
            0ms disk (skipped)
"""
NO_LINE = "has no line of mkinitrd's init; was it the kernel's console, and without 'quiet'?\n"


class BootTimes(cli.CliTest):

    def run_it(self, *arguments, log=LOG):
        return subprocess.run([cli.MKINITRD, "boot-times", *arguments], input=log.encode(),
                              capture_output=True, timeout=60, check=False)

    def assert_said(self, done, stdout="", stderr="", status=0):
        self.assertEqual((done.stdout.decode(), done.stderr.decode(), done.returncode),
                         (stdout, stderr, status))

    def test_a_log(self):
        self.assert_said(self.run_it("-"), SAID)

    def test_a_log_as_a_terminal_records_it(self):
        noise = "BIOS\r\n\x1b[2J" + LOG.replace("\n", "\r\n").replace(
            "[    2.0", "~ # [    2.0")
        self.assert_said(self.run_it("-", log=noise), SAID)

    def test_several_boots(self):
        log = LOG.replace("(300 ms", "(250 ms") + LOG
        self.assert_said(self.run_it("-", log=log), SAID,
                         "mkinitrd: the last of 2 boots in '-'; --boot N shows another\n")
        self.assert_said(self.run_it("-q", "--boot", "1", "-", log=log),
                         SAID.replace("300ms", "250ms"))
        self.assert_said(self.run_it("--boot", "3", "-", log=log), "",
                         "mkinitrd: '-' has 2 boots, not 3\n", 1)

    def test_json(self):
        done = self.run_it("--json", "-")
        said = json.loads(done.stdout)
        self.assertEqual(said["total_ms"], 8400)
        self.assertEqual([step["name"] for step in said["steps"]], ["mounts", "disk", "services"])

    def test_what_is_no_log(self):
        self.assert_said(self.run_it("-", log=""), "", f"mkinitrd: '-' {NO_LINE}", 1)
        done = subprocess.run([cli.MKINITRD, "boot-times", "-"], input=os.urandom(1 << 20),
                              capture_output=True, timeout=60, check=False)
        self.assert_said(done, "", f"mkinitrd: '-' {NO_LINE}", 1)

    def test_used_wrongly(self):
        rows = (
            (["a", "b"], 2, "boot-times: one log; use: mkinitrd boot-times [LOG]"),
            (["--boot", "0", "a"], 2, "--boot takes a number from 1 to 1024, not '0'"),
            (["/nowhere/log"], 1, "cannot read '/nowhere/log': No such file or directory"),
            (["/"], 1, "cannot read '/': Is a directory"),
            ([], 1, "this system was not booted by mkinitrd's init ('/run/mkinitrd/boot.json' is "
                    "not there); name a log: mkinitrd boot-times LOG"),
        )
        for arguments, status, said in rows:
            with self.subTest(arguments=arguments):
                self.assert_said(self.run_it(*arguments), "", f"mkinitrd: {said}\n", status)


if __name__ == "__main__":
    cli.main()
