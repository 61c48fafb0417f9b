# SPDX-License-Identifier: Apache-2.0
"""mkinitrd completion: what bash and zsh themselves offer with the script.

Facts: bash breaks words at COMP_WORDBREAKS before it calls the function: bash(1). zsh's compadd can
       be a function that looks at what is added: zshcompwid(1)
"""
import os
import re
import subprocess
import time
import unittest

import cli
from terminal import Terminal

SHELLS = ("bash", "zsh")
# what bash breaks words at
BREAKS = re.compile(r"([=:]+)|\s")
PROFILES = {"site", "office"}
# what would be offered, one a line, into $OFFERED
CAPTURE = r"""
autoload -Uz compinit && compinit -u -D
PS1='> '
unsetopt beep
zstyle ':completion:*' list-colors ''
compadd() {
    local -a found
    local argument
    for argument in "$@"; do
        if [[ $argument == -[ADO] ]]; then builtin compadd "$@"; return; fi
    done
    builtin compadd -O found "$@"
    print -rl -- "$found[@]" >>$OFFERED
    builtin compadd "$@"
}
show() { print -r -- END >>$OFFERED }
compdef _mkinitrd mkinitrd
bindkey '^I' complete-word
zle -N show
bindkey '^X' show
print READY
"""


class Completion(cli.CliTest):
    """Cases of both shells; a subclass says how to ask one."""

    def setUp(self):
        super().setUp()
        self.make_root()
        os.makedirs(self.path("bin"))
        os.symlink(cli.MKINITRD, self.path("bin/mkinitrd"))
        for name in PROFILES:
            self.write(f"profiles/{name}.yaml", cli.PROFILE)
        self.assertEqual(self.run_program(*self.build_arguments()).status, 0)
        os.makedirs(self.path("folder with blanks/inside"))

    def environment(self, **more):
        environment = super().environment(MKINITRD_PROFILE_PATH=self.path("profiles"), **more)
        environment["PATH"] = self.path("bin") + ":" + environment["PATH"]
        return environment

    def script(self, shell):
        done = self.run_program("completion", shell)
        self.assertEqual((done.status, done.stderr), (0, ""))
        # a value that completion.c does not know
        self.assertEqual([line for line in done.stdout.splitlines() if "unknown" in line], [])
        return self.write(f"completion/{'_' if shell == 'zsh' else ''}mkinitrd", done.stdout)


class Cases:

    def offered(self, line):
        raise NotImplementedError

    def test_commands(self):
        overview = self.run_program("--help").stdout
        names = set(re.findall(r"^  ([\w-]+)  ", overview, re.M))
        self.assertIn("build", names)
        self.assertEqual(self.offered("mkinitrd "), names)
        self.assertEqual(self.offered("mkinitrd bu"), {"build"})
        self.assertEqual(self.offered("mkinitrd help pro"), {"profile"})

    def test_options_of_each_command(self):
        overview = self.run_program("--help").stdout
        for name in re.findall(r"^  ([\w-]+)  ", overview, re.M):
            options = set(re.findall(r"^  .{4}(--[\w-]+)", self.run_program(
                name, "--help").stdout, re.M))
            self.assertIn("--help", options)
            with self.subTest(command=name):
                self.assertEqual({word.rstrip("=") for word in
                                  self.offered(f"mkinitrd {name} --")}, options)

    def test_options_without_a_command_are_those_of_build(self):
        self.assertEqual({word.rstrip("=") for word in self.offered("mkinitrd --pro")}
                         - {"--progress"}, {"--profile"})

    def test_profiles_by_name_and_by_path(self):
        self.assertEqual(self.offered("mkinitrd -p "), PROFILES)
        self.assertEqual(self.offered("mkinitrd build --profile off"), {"office"})
        self.assertEqual(self.offered("mkinitrd profile show s"), {"site"})
        self.assertIn("site.yaml", {os.path.basename(word) for word in
                                    self.offered("mkinitrd -p profiles/s")})

    def test_kernels_of_the_root(self):
        self.assertEqual(self.offered("mkinitrd --root root -k "), {cli.RELEASE})
        self.assertEqual(self.offered("mkinitrd --root=root --kernel 6"), {cli.RELEASE})

    def test_kernel_of_run_is_a_file(self):
        self.assertIn("a.img", self.offered("mkinitrd run -k a"))

    def test_words(self):
        self.assertEqual(self.offered("mkinitrd run --accel "), {"tcg", "kvm"})
        self.assertEqual(self.offered("mkinitrd completion "), set(SHELLS))
        self.assertEqual(self.offered("mkinitrd profile s"), {"show"})
        self.assertEqual(self.offered("mkinitrd --layout "), {"cpio", "squashfs"})

    def test_compressions_are_those_that_can_be_written(self):
        said = self.run_program("-p", "site", "--root", "root", "-k", cli.RELEASE,
                                "-c", "nonsense").stderr
        known = {word.split(":")[0] for word in
                 said.strip().rsplit("knows: ", 1)[1].split(", ")}
        self.assertIn("zstd", known)
        self.assertEqual(self.offered("mkinitrd -c "), known)

    def test_value_in_the_same_word(self):
        self.assertEqual({word.rsplit("=", 1)[-1] for word in
                          self.offered("mkinitrd run --accel=k")}, {"kvm"})

    def test_keys(self):
        self.assertEqual(self.offered("mkinitrd --set boot.disk.w"), {"boot.disk.wait="})
        self.assertEqual(self.offered("mkinitrd --set output."),
                         {"output.layout=", "output.compress=", "output.limit=",
                          "output.squashfs.compress=", "output.squashfs.block=",
                          "output.verity=",
                          "output.disk.boot=", "output.disk.size="})

    def test_folders(self):
        offered = {word.strip("/") for word in self.offered("mkinitrd --root fol")}
        self.assertEqual({word.replace("\\", "") for word in offered}, {"folder with blanks"})

    def test_paths_in_the_image(self):
        self.assertEqual(self.offered("mkinitrd why a.img usr/bin/"), {"usr/bin/hello"})
        self.assertEqual(self.offered("mkinitrd ls a.img usr/bin/hello usr/bin/"),
                         {"usr/bin/hello"})
        self.assertEqual(self.offered("mkinitrd why a.img /usr/bin/"), {"/usr/bin/hello"})
        self.assertEqual(self.offered("mkinitrd why none.img /usr/bin/"), set())

    def test_nothing_where_anything_goes(self):
        self.assertEqual(self.offered("mkinitrd run --append "), set())
        self.assertEqual(self.offered("mkinitrd nonsense "), set())


class Bash(Completion, Cases):

    def offered(self, line):
        words = [word for word in BREAKS.split(line) if word]
        if line.endswith((" ", "=")):
            words.append("")
        code = ('source "$1"; shift; set -u; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
                '_mkinitrd; printf "%s\\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"}')
        done = subprocess.run(["bash", "--norc", "-c", code, "bash", self.script("bash"), *words],
                              env=self.environment(), cwd=self.directory, capture_output=True,
                              text=True, timeout=60, check=True)
        self.assertEqual(done.stderr, "")
        return {word for word in done.stdout.split("\n") if word}

    def test_on_a_terminal(self):
        terminal = Terminal(["bash", "--norc", "-i"], self.environment(TERM="dumb", PS1="> "),
                            self.directory)
        self.addCleanup(terminal.close)
        terminal.send(f"bind 'set bell-style none'; . {self.script('bash')}; echo READY''-1\r")
        terminal.read("READY-1\r")
        for typed, rest in (("mkinitrd run --accel=k\t", "vm"),
                            ("mkinitrd --set boot.disk.w\t", "ait="),
                            ("mkinitrd -p ./profiles/si\t", "te.yaml"),
                            ("mkinitrd --root fol\t", "der\\\\ with\\\\ blanks/")):
            terminal.send(typed)
            terminal.read(re.escape(typed.strip()) + rest)
            terminal.send("\x15")

    def test_usage(self):
        for words in ([], ["fish"], ["bash", "zsh"]):
            self.check(["completion", *words], 2, "", "mkinitrd: completion is for one shell, "
                       "bash or zsh; use: mkinitrd completion bash\n")


class Zsh(Completion, Cases):

    def setUp(self):
        super().setUp()
        self.write("home/.zshrc", CAPTURE)
        folder = os.path.dirname(self.script("zsh"))
        self.terminal = Terminal(["zsh", "-i"], self.environment(
            TERM="dumb", ZDOTDIR=self.path("home"), FPATH=folder + ":" + self.functions(),
            OFFERED=self.path("offered")), self.directory)
        self.addCleanup(self.terminal.close)
        self.terminal.read("READY")

    def functions(self):
        return subprocess.run(["zsh", "-fc", "print -r -- ${(j.:.)fpath}"], capture_output=True,
                              text=True, timeout=60, check=True).stdout.strip()

    def offered(self, line):
        path = self.path("offered")
        if os.path.exists(path):
            os.unlink(path)
        self.terminal.send("\x15" + line + "\t\x18")
        end = time.monotonic() + 60
        while True:
            lines = []
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    lines = file.read().split("\n")
            if "END" in lines:
                # by what is typed: _files shows its list once more, and other tags come after
                last = line.rsplit(" ", 1)[-1]
                return {word for word in lines if word and word != "END"
                        and (word.startswith(last.rsplit("/", 1)[-1]) or "=" in last
                             or word.startswith(last))}
            if time.monotonic() > end:
                raise AssertionError(f"{line!r}: zsh does not answer: {self.terminal.text}")
            self.terminal.drain(0.02)


class Installed(cli.CliTest):

    def test_scripts_are_installed(self):
        done = subprocess.run(["cmake", "--install", cli.BUILD, "--prefix", self.path("prefix")],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for shell, path in (("bash", "share/bash-completion/completions/mkinitrd"),
                            ("zsh", "share/zsh/site-functions/_mkinitrd")):
            with open(self.path("prefix/" + path), encoding="utf-8") as file:
                self.assertEqual(file.read(), self.run_program("completion", shell).stdout)


if __name__ == "__main__":
    cli.main(*SHELLS, "cmake")
