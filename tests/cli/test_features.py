# SPDX-License-Identifier: Apache-2.0
"""What the shipped profiles pack: each thing says why it is there, and can be left out alone.

The reasons in the manifest are a graph from lines of profiles to paths. What only one entry of a
profile wanted is what cannot be reached without it: that, and nothing else, must go with it.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import tempfile

import cli

MANIFEST = "usr/lib/mkinitrd/manifest.json"
KINDS = {"modules": "module", "programs": "program"}


class OnlyDocker(cli.CliTest):

    @classmethod
    def setUpClass(cls):
        show = subprocess.run([cli.MKINITRD, "profile", "show", "--json", "-p", "only-docker"],
                              capture_output=True, check=True, timeout=60)
        cls.profile = json.loads(show.stdout)["profile"]
        cls.features = {"kernel.modules": cls.profile["kernel"]["modules"],
                        "programs": cls.profile["programs"], "files": cls.profile["files"]}
        with tempfile.TemporaryDirectory(prefix="mkinitrd-") as folder:
            cls.image = os.path.join(folder, "a.img")
            # layout squashfs wants modules of its own, whatever the profile says of them
            done = subprocess.run([cli.MKINITRD, "-p", "only-docker", "--layout", "cpio", "-c",
                                   "none", "-o", cls.image], capture_output=True, text=True,
                                  timeout=300, check=False)
            if done.returncode != 0:
                raise AssertionError(done.stderr)
            cls.manifest = json.loads(subprocess.run(
                ["bsdtar", "-xOf", cls.image, MANIFEST], capture_output=True, check=True,
                timeout=60).stdout)
            cls.why = {path: subprocess.run([cli.MKINITRD, "why", cls.image, path],
                                            capture_output=True, text=True, check=True,
                                            timeout=60).stdout
                       for path in ("usr/sbin/docker-proxy", "etc/ssl/certs/ca-certificates.crt")}

    def listing(self, *sets):
        arguments = [word for text in sets for word in ("--set", text)]
        done = self.run_program("-p", "only-docker", "--layout", "cpio", "-k",
                                self.manifest["release"], "-n", *arguments)
        self.assertEqual(done.status, 0, done.stderr)
        return set(done.stdout.splitlines())

    def files(self, paths):
        """Without directories above: those have the first below them as their reason."""
        return set(paths) - {entry["path"] for entry in self.manifest["entries"]
                             if entry["type"] == "directory"}

    def reachable_without(self, relation):
        """The paths that something else than @relation ("module 'xfs'") leads to."""
        wanted_by, found = {}, set()
        for entry in self.manifest["entries"]:
            for reason in entry["reasons"]:
                if "by" in reason:
                    wanted_by.setdefault(reason["by"], []).append(entry["path"])
                elif not re.match(re.escape(relation) + "(:|$)", reason["relation"]):
                    found.add(entry["path"])
        left = list(found)
        while left:
            for path in wanted_by.get(left.pop(), []):
                if path not in found:
                    found.add(path)
                    left.append(path)
        return found

    def test_DL_12_each_says_why(self):
        for kind, entries in self.features.items():
            for name, value in entries.items():
                with self.subTest(kind=kind, name=name):
                    self.assertRegex(value["why"], r"^\S.{3,}")

    def test_DL_12_why_prints_it(self):
        self.assertRegex(self.why["usr/sbin/docker-proxy"],
                         r"\n  program 'docker-proxy': ports published on 127\.0\.0\.1; .* "
                         r"\(docker-programs\.yaml:\d+\)\n")
        self.assertRegex(self.why["etc/ssl/certs/ca-certificates.crt"],
                         r"\n  file: .* trusted by, \d{3} certificates \(docker-programs\.yaml:\d+\)\n")

    def test_DL_12_each_can_be_left_out_alone(self):
        everything = self.listing()
        self.assertEqual(everything, {entry["path"] for entry in self.manifest["entries"]})
        optional = [(section, name, f"{KINDS[section.split('.')[-1]]} '{name}'")
                    for section in ("kernel.modules", "programs")
                    for name, value in self.features[section].items()
                    if value.get("need") == "optional"]
        self.assertGreater(len(optional), 60)

        def left_out(feature):
            section, name, _ = feature
            return self.listing(f"{section}.{name}=null")
        gone = 0
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for (_, name, relation), left in zip(optional, pool.map(left_out, optional)):
                with self.subTest(name=name):
                    self.assertLessEqual(left, everything)
                    self.assertEqual(self.files(left),
                                     self.files(self.reachable_without(relation)))
                    gone += left != everything
        # some are there for others as well, or not on this system
        self.assertGreater(gone, 40)


if __name__ == "__main__":
    cli.main("bsdtar")
