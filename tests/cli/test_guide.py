# SPDX-License-Identifier: Apache-2.0
"""The reader's path: every command of README.md, docs/guide.md and docs/dock0.md, run as it
stands, in order.

In:    blocks of these files: "```sh" is commands, run by sh; "```sh fails" must fail; "```sh boots"
       is run on a terminal, and "```sh machine" after it is typed there; "```sh root" writes to
       places of the system, which are replaced by ones in the test's folder; a "```text" block
       right after one is what it says: any number stands for any other, "…" for anything
Out:   class Guide: all of the guide that needs no machine, with the built program. Class Path: the
       README from its first line, built and installed anew, then the guide, on machines. Class Dock0:
       docs/dock0.md
"""
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

import cli
from terminal import Terminal

BLOCK = re.compile(r"^```(\S*)(?: (\w+))?\n(.*?)^```\n(\n```text\n(.*?)^```\n)?", re.M | re.S)
PROMPT = r"^/ # "
BOOT_SECONDS = 300
# where a block marked "root" would write -> a place below the test's folder
PLACES = {"/dev/sdX": "sdX", "/boot/": "boot/"}


def document(*parts):
    with open(os.path.join(cli.SOURCE, *parts), encoding="utf-8") as file:
        return file.read()


class Block:
    """Commands, how they are to be run, and what they say."""

    def __init__(self, match, text):
        self.language, self.kind, self.commands = match.group(1), match.group(2), match.group(3)
        self.shown = match.group(5)
        self.line = text.count("\n", 0, match.start()) + 1


def blocks(*parts):
    text = document(*parts)
    found = [Block(match, text) for match in BLOCK.finditer(text)]
    return [block for block in found if block.language == "sh"]


def pattern_of_line(line):
    """What is shown, with numbers and blanks as they come."""
    pattern = re.escape(line)
    pattern = pattern.replace("…", ".*")
    pattern = re.sub(r"\d+(\\\.\d+)*", r"\\d+(?:\\.\\d+)*", pattern)
    return re.sub(r"(\\ )+", r"\\s+", pattern)


def pattern_of(text):
    """Of a whole output; a line that is "…" stands for any lines."""
    return "".join(r"(?:.*\n)*?" if line == "…" else pattern_of_line(line) + r"\n"
                   for line in text.splitlines())


class Reader(cli.CliTest):
    """Somebody who types what the documents say, in one folder."""

    def environment(self, **more):
        environment = super().environment(**more)
        environment["PATH"] = self.path("bin") + ":" + environment["PATH"]
        environment["DESTDIR"] = self.path("installed")
        return environment

    def run_block(self, block, where):
        commands, folder = block.commands, self.path("work")
        if block.kind == "root":
            for place, ours in PLACES.items():
                commands = commands.replace(place, os.path.join(folder, ours))
        done = subprocess.run(["sh", "-e", "-c", commands], cwd=folder, env=self.environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=900, check=False)
        said = done.stdout.decode("utf-8", "replace")
        words = f"{where}, line {block.line}: status {done.returncode}\n{block.commands}\n{said}"
        # another status is that of a sanitizer
        self.assertIn(done.returncode, (1, 2, 3) if block.kind == "fails" else (0,), words)
        if block.shown and not re.fullmatch(pattern_of(block.shown), said):
            self.assertEqual(said, block.shown, words)
        return said

    def start_machine(self, block):
        """Run a command that boots, until what is shown of it has been said. Its terminal."""
        terminal = Terminal(["sh", "-c", "exec " + block.commands.strip()],
                            self.environment(TERM="dumb"), self.path("work"))
        self.addCleanup(terminal.close)
        for line in block.shown.splitlines():
            if line != "…":
                terminal.read(pattern_of_line(line) + r"\r", BOOT_SECONDS)
        return terminal

    def type_block(self, terminal, block, answers):
        """Type each line at a prompt; @answers: what the line of this number must lead to."""
        for line, answer in itertools.zip_longest(block.commands.splitlines(), answers):
            terminal.read(PROMPT, BOOT_SECONDS)
            terminal.send(line + "\n")
            terminal.read(answer, BOOT_SECONDS)

    def prepare_places(self):
        os.makedirs(self.path("work/boot"))
        with open(self.path("work/sdX"), "wb") as file:
            file.truncate(64 << 20)

    def check_places(self):
        label = subprocess.run(["blkid", "-p", "-o", "value", "-s", "LABEL",
                                self.path("work/sdX")], capture_output=True, check=True)
        self.assertEqual(label.stdout, b"DOCKER\n")
        self.assertEqual(os.listdir(self.path("work/boot")), ["web.img"])


class Guide(Reader):

    def setUp(self):
        super().setUp()
        os.makedirs(self.path("bin"))
        os.symlink(cli.MKINITRD, self.path("bin/mkinitrd"))
        self.prepare_places()

    def test_commands(self):
        ran = 0
        for block in blocks("docs", "guide.md"):
            if block.kind not in ("boots", "machine"):
                self.run_block(block, "guide.md")
                ran += 1
        self.assertGreater(ran, 10)
        self.check_places()


class Dock0(Reader):
    """docs/dock0.md: a Debian tree becomes a Docker host that is logged in to by ssh."""

    def environment(self, **more):
        # one mmdebstrap for all tests of a build
        kept = os.environ.get("MKINITRD_TEST_ROOTS") or os.path.join(cli.BUILD, "boot-root")
        return super().environment(XDG_CACHE_HOME=kept, **more)

    def setUp(self):
        super().setUp()
        os.makedirs(self.path("bin"))
        os.makedirs(self.path("work"))
        os.symlink(cli.MKINITRD, self.path("bin/mkinitrd"))
        self.addCleanup(self.pull_the_plug)

    def pull_the_plug(self):
        if not os.path.exists(self.path("work/web1.pid")):
            return
        with open(self.path("work/web1.pid"), encoding="ascii") as file:
            process = int(file.read())
        with open(f"/proc/{process}/cmdline", "rb") as file:
            if b"web1.pid" in file.read():
                os.kill(process, signal.SIGKILL)

    def test_D0_6_D0_10_D0_11_D0_14_D0_15_D0_16_walk_through(self):
        for block in blocks("docs", "dock0.md"):
            self.run_block(block, "dock0.md")


class Texts(unittest.TestCase):
    """What the documents say beside their commands."""

    def test_packages_are_those_of_tests_install(self):
        (commands,) = [block.commands for block in blocks("README.md")
                       if "apt-get" in block.commands]
        named = set(commands.replace("\\\n", " ").split()) - {"apt-get", "install"}
        (wanted,) = re.findall(r'^product="(.*?)"', document("tests", "install"), re.M | re.S)
        self.assertEqual(named, set(wanted.split()))

    def test_every_block_says_how_it_is_run(self):
        for parts in (("README.md",), ("docs", "guide.md"), ("docs", "dock0.md")):
            text = document(*parts)
            for match in re.finditer(r"^```(\S*)(.*)$", text, re.M):
                self.assertIn(match.group(1), ("", "sh", "text", "grub"), parts)
                if match.group(1) == "sh":
                    self.assertIn(match.group(2).strip(),
                                  ("", "fails", "boots", "machine", "root"), parts)

    def test_entries_of_boot_loaders_name_what_was_installed(self):
        text = document("docs", "guide.md")
        for image in re.findall(r"^(?: +)?initrd +(\S+)$", text, re.M):
            self.assertEqual(image, "/web.img")
        self.assertEqual(len(re.findall(r"^(?: +)?initrd ", text, re.M)), 2)

    def test_links_lead_to_files(self):
        for parts in (("README.md",), ("docs", "guide.md"), ("docs", "dock0.md"),
                      ("docs", "maintaining.md")):
            folder = os.path.dirname(os.path.join(cli.SOURCE, *parts))
            for link in re.findall(r"\]\(([^)#]+)\)", document(*parts)):
                self.assertTrue(os.path.exists(os.path.join(folder, link)), (parts, link))

    def messages(self):
        """A pattern for the beginnings of every message that init can say."""
        sys.setrecursionlimit(20000)
        for name in os.listdir(os.path.join(cli.SOURCE, "init")):
            if not name.endswith(".c"):
                continue
            for match in re.finditer(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*',
                                     document("init", name)):
                literal = re.sub(r'"\s*"', "", match.group())[1:-1]
                tokens = re.findall(r"%[-0-9.*]*(?:ll|z|h)?[a-zA-Z]|\\.|.", literal)
                if sum(len(token) == 1 for token in tokens) < 12:
                    continue
                pattern = ""
                for token in reversed(tokens):
                    one = r"([^;:]{0,60}?)" if token[0] == "%" else re.escape(token)
                    pattern = f"(?:{one}{pattern})?" if len(token) == 1 else f"{one}{pattern}"
                yield pattern

    @staticmethod
    def says(pattern, words):
        """Whether a message can begin so; a third of it at least must be the message's own words."""
        match = pattern.fullmatch(words)
        return match and 3 * sum(len(value or "") for value in match.groups()) <= 2 * len(words)

    def test_messages_of_init_are_real(self):
        quoted = re.findall(r"^\| `(.*?)` \|", document("docs", "guide.md"), re.M)
        self.assertGreater(len(quoted), 5)
        patterns = [re.compile(pattern) for pattern in self.messages()]
        for line in quoted:
            words = re.sub(r"^\w+: failed: ", "", line).split("…")[0].strip()
            # a part of one message may be another: "this image needs 525 MB of memory, "
            words = re.sub(r"this image needs \d+ MB of memory, ", "", words)
            self.assertTrue(any(self.says(pattern, words) for pattern in patterns), line)


class Path(Reader):
    """From a checkout to a machine that ran: what README and guide say, nothing else."""

    def setUp(self):
        super().setUp()
        shutil.copytree(cli.SOURCE, self.path("work"), symlinks=True,
                        ignore=lambda folder, names: [
                            name for name in names if folder == cli.SOURCE
                            and (name == ".git" or name.startswith("build"))])
        # it is not ours to install packages: apt-get says whether it could
        os.makedirs(self.path("bin"))
        path = self.write("bin/apt-get", '#!/bin/sh\nexec /usr/bin/apt-get --simulate "$@"\n')
        os.chmod(path, 0o755)
        self.prepare_places()

    def environment(self, **more):
        environment = super().environment(**more)
        environment["PATH"] = self.path("installed/usr/local/bin") + ":" + environment["PATH"]
        return environment

    def run_document(self, machine, *parts):
        terminal = None
        for block in blocks(*parts):
            if block.kind == "boots":
                terminal = self.start_machine(block)
            elif block.kind == "machine":
                machine(terminal, block)
            else:
                self.run_block(block, parts[-1])

    def run_a_container(self, terminal, block):
        self.type_block(terminal, block, [r"^hello from a container\r", r"power: poweroff now"])
        self.assertEqual(terminal.wait(), 0)

    def look_and_go_on(self, terminal, block):
        self.type_block(terminal, block, [r'"name": "modules", "result": "ok"',
                                          r"^DOCKER: clean", r"mkinitrd: disk: ok .*DOCKER"])
        terminal.send("\x01x")
        terminal.wait()

    def test_readme_then_guide(self):
        self.run_document(self.run_a_container, "README.md")
        os.unlink(self.path("work/docker.img"))
        self.run_document(self.look_and_go_on, "docs", "guide.md")
        self.check_places()


if __name__ == "__main__":
    cli.main("openssl", "mke2fs", "blkid")
