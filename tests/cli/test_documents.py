# SPDX-License-Identifier: Apache-2.0
"""The manual pages say what the tables say: each row is documented, and what is documented exists.

In:    docs/*.scd; --help, which shows the tables of options and commands whole; `tables`, which
       prints those of profiles and boot plan; the sources of init, for its steps and parameters
Facts: in scdoc, '*' is bold, '_' underlined, a line that begins with a tab is a description, and
       "```" stands around examples: scdoc(5)
"""
import os
import re
import shutil
import subprocess
import tarfile
import unittest

import archives
import cli

DOCS = os.path.join(cli.SOURCE, "docs")
MANUALS = ["mkinitrd.8", "mkinitrd-init.8", "mkinitrd-mount.8", "mkinitrd-profile.5",
           "mkinitrd-images.5", "mkinitrd-boot.plan.5"]
TABLES = os.path.join(cli.BUILD, "tests", "tables")
COMMON = {"--verbose", "--quiet", "--help", "--version"}


def source(*parts):
    with open(os.path.join(cli.SOURCE, *parts), encoding="utf-8") as file:
        return file.read()


def plain(text):
    """A line of scdoc without its markup."""
    return re.sub(r"\\(.)|\*|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])",
                  lambda match: match.group(1) or "", text)


class Manual:
    """One page: sections by heading, each with its entries (a line in bold, a description)."""

    def __init__(self, name):
        self.name, self.sections, self.examples = name, {}, []
        section = heading = None
        lines = iter(source("docs", name + ".scd").split("\n"))
        for line in lines:
            if line.startswith("```"):
                self.examples.append((section, "\n".join(iter(lambda: next(lines), "```")) + "\n"))
            elif line.startswith("#"):
                section = line.lstrip("# ")
                if line.startswith("# "):
                    heading = section
                self.sections[section] = []
            elif line and section:
                self.sections[section].append(line)
                if section != heading:
                    self.sections[heading].append(line)

    def text(self, section):
        return "\n".join(self.sections[section])

    def entries(self, section):
        """The lines that have a description below them, without markup -> that description."""
        found, at = {}, None
        for line in self.sections[section]:
            if line.startswith("\t"):
                if at:
                    found[at] += plain(line.strip()) + " "
            else:
                at = plain(line) if re.match(r"[*_]", line) else None
                # twice only as "Of *build*: ...", "Of *check*: ..."
                assert not found.get(at) or found[at].startswith("Of "), at
                if at:
                    found[at] = ""
        return {name: text for name, text in found.items() if text}


def run(*argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **options)


def help_of(*command):
    done = run(cli.MKINITRD, *command, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


def section_of(text, heading):
    """The lines of one section of --help."""
    match = re.search(rf"^{heading}\n((?:  .*\n)+)", text, re.M)
    return match.group(1).splitlines() if match else []


def commands():
    """Names of the commands, from the overview."""
    return re.findall(r"^  ([\w-]+)  ", help_of(), re.M)


def options_of(command):
    """"-o, --output FILE" of each option that --help shows."""
    lines = section_of(help_of(command), "OPTIONS")
    return [re.match(r" +(-\S.*?)(?:  .*)?$", line).group(1).rstrip()
            for line in lines if re.match(r" +-\S", line) and line.index("-") < 10]


def long_name(option):
    return re.search(r"--[\w-]+", option).group()


class MkinitrdManual(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.manual = Manual("mkinitrd.8")
        cls.commands = commands()

    def test_the_tables_were_found(self):
        self.assertIn("build", self.commands)
        self.assertIn("-o, --output FILE", options_of("build"))

    def test_each_command_is_documented_with_its_usage(self):
        documented = [name for name in self.manual.sections if name.startswith("mkinitrd ")]
        self.assertEqual(sorted(documented), sorted("mkinitrd " + name for name in self.commands))
        for name in self.commands:
            usage = section_of(help_of(name), "USAGE")
            lines = [plain(line) for line in self.manual.sections["mkinitrd " + name]]
            self.assertEqual(lines[:len(usage)], [line.strip() for line in usage], name)

    def test_each_command_names_its_options(self):
        for name in self.commands:
            match = re.search(r"^Options: ([^\t]*?)(?:\n\n|\Z)", self.manual.text(
                "mkinitrd " + name), re.M)
            self.assertIsNotNone(match, f"'mkinitrd {name}' has no line 'Options:'")
            documented = set(re.findall(r"--[\w-]+", match.group(1)))
            self.assertEqual(documented, {long_name(option) for option in options_of(name)}
                             - COMMON, name)

    def test_each_option_is_documented(self):
        rows = {option for name in self.commands for option in options_of(name)}
        self.assertEqual(sorted(self.manual.entries("OPTIONS")), sorted(rows))

    def test_each_exit_status_is_documented(self):
        rows = re.findall(r"EXIT_\w+ = (\d)", source("mkinitrd", "options.h"))
        self.assertEqual(list(self.manual.entries("EXIT STATUS")), rows)

    def test_each_variable_is_documented(self):
        names = set()
        for file in os.listdir(os.path.join(cli.SOURCE, "mkinitrd")):
            text = source("mkinitrd", file)
            for word in re.findall(r'getenv\(("?\w+"?)\)', text):
                if not word.startswith('"'):
                    word = re.search(rf'#define {word} ("\w+")', text).group(1)
                names.add(word.strip('"'))
        self.assertEqual(set(self.manual.entries("ENVIRONMENT")), names)


class DockerlaunchManual(unittest.TestCase):
    """Options as --help shows them, states of exit as the header has them."""

    @classmethod
    def setUpClass(cls):
        cls.manual = Manual("dockerlaunch.8")

    def test_DL_3_each_option_is_documented(self):
        shown = run(os.path.join(cli.BUILD, "dockerlaunch"), "--help").stdout
        rows = re.findall(r"^ +((?:-\w, )?--[\w-]+(?: [A-Z][A-Z=]*)?) ", shown, re.M)
        self.assertIn("-l, --log FILE", rows)
        self.assertEqual(sorted(self.manual.entries("OPTIONS")), sorted(rows))

    def test_DL_3_each_exit_status_is_documented(self):
        rows = re.findall(r"DOCKERLAUNCH_\w+ = ([1-9]\d*)", source("init", "dockerlaunch.h"))
        self.assertEqual(list(self.manual.entries("EXIT STATUS")), rows)

    def test_DL_20_each_step_and_variable_is_documented(self):
        text = source("init", "dockerlaunch.c")
        rows = re.findall(r'\{ "(\w+)", +launch_', text)
        self.assertIn("mounts", rows)
        self.assertEqual(list(self.manual.entries("STEPS")), rows)
        for file in ("dockerlaunch_mounts.c", "dockerlaunch_program.c"):
            text += source("init", file)
        names = set(re.findall(r'(?:getenv|is_true)\("(\w+)"\)', text))
        self.assertEqual(set(self.manual.entries("ENVIRONMENT")), names)


class Help(cli.CliTest):

    def test_help_of_a_command(self):
        for name in commands():
            self.check(["help", name], 0, help_of(name))
        self.check(["help"], 0, help_of())

    def test_help_of_what_is_none(self):
        self.check(["help", "biuld"], 2, "", "mkinitrd: unknown command 'biuld'; did you mean "
                   "'build'?\n")
        self.check(["help", "build", "ls"], 2, "",
                   "mkinitrd: help takes one COMMAND; use: mkinitrd help build\n")
        self.check(["help", "x1y2z3"], 2, "",
                   "mkinitrd: unknown command 'x1y2z3'; 'mkinitrd --help' lists them\n")


class ProfileManual(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.manual = Manual("mkinitrd-profile.5")
        cls.rows = [line.split("\t")[1:] for line in run(TABLES).stdout.splitlines()
                    if line.startswith("schema\t")]
        cls.entries = {}
        for section in cls.manual.sections:
            for line, text in cls.manual.entries(section).items():
                match = re.fullmatch(r"(.*) \((.*)\)", line)
                if match:
                    for key in match.group(1).split(", "):
                        cls.entries[key] = (match.group(2), text)

    def test_each_key_is_documented_with_its_kind(self):
        self.assertGreater(len(self.rows), 50)
        self.assertEqual({key: kind for key, (kind, _) in self.entries.items()},
                         {key: kind for key, kind, _ in self.rows})

    def test_words_of_later_versions_are_named(self):
        for key, _, later in self.rows:
            for word in later.split():
                if word != "*":
                    self.assertIn(f"{word} is for a later version", self.entries[key][1], key)

    def test_each_kind_is_explained(self):
        kinds = set(self.manual.entries("KINDS"))
        used = {word for _, kind, _ in self.rows
                for word in kind.removesuffix(", ${}").split("|")}
        words = {word for text in re.findall(r'KIND_WORD[^"]*?,\s*"([^"]*)"', source(
            "mkinitrd", "profile_schema.c")) for word in text.split()} | {"required", "optional"}
        words.discard("true")  # a kind, and a word of some keys
        self.assertEqual(kinds, used - words - {"later"})

    def test_each_shipped_profile_is_named(self):
        shipped = {name.removesuffix(".yaml") for name in os.listdir(
            os.path.join(cli.SOURCE, "profiles")) if name.endswith(".yaml")}
        self.assertEqual(set(self.manual.entries("SHIPPED PROFILES")), shipped)


class ProfileExamples(cli.CliTest):

    def test_each_example_is_a_profile(self):
        examples = Manual("mkinitrd-profile.5").examples
        self.assertGreater(len(examples), 10)
        for section, text in examples:
            with self.subTest(section=section, example=text):
                self.check(["profile", "check", self.write("example.yaml", text)], 0,
                           "example: ok\n")

    def test_each_group_of_keys_has_an_example(self):
        manual = Manual("mkinitrd-profile.5")
        shown = {section for section, _ in manual.examples}
        for section in manual.sections:
            keys = [line for line in manual.entries(section) if re.fullmatch(r"[\w.*-]+ \(.*\)",
                                                                            line)]
            if keys and section != "NOT IN THIS VERSION":
                self.assertIn(section, shown)


class ImagesManual(cli.CliTest):

    def test_each_key_is_documented_with_its_kind(self):
        rows = [tuple(line.split("\t")[1:]) for line in run(TABLES).stdout.splitlines()
                if line.startswith("definition\t")]
        self.assertGreater(len(rows), 5)
        found = [re.fullmatch(r"(.*) \((.*)\)", line).groups()
                 for line in Manual("mkinitrd-images.5").entries("KEYS")]
        self.assertEqual(found, rows)

    def test_each_example_is_a_definition(self):
        self.make_root()
        for section, text in Manual("mkinitrd-images.5").examples:
            if section != "DESCRIPTION":
                continue
            self.root.file("etc/mkinitrd/images.d/example.yaml", text)
            self.check(["status", "--root", "root"], 3, "example\t-\t-\tno kernel\n")


class BootplanManual(unittest.TestCase):

    def test_each_verb_and_key_is_documented(self):
        rows, verb = {}, None
        for line in run(TABLES).stdout.splitlines():
            kind, *fields = line.split("\t")
            if kind == "verb":
                verb = fields[0] + (" (once)" if fields[1] == "once" else "")
                rows[verb] = []
            elif kind == "key":
                rows[verb].append(f"{fields[1]} ({fields[2]})")
        manual = Manual("mkinitrd-boot.plan.5")
        documented = {section: list(manual.entries(section)) for section in manual.sections
                      if section != section.upper()}
        self.assertIn("main (once)", rows)
        self.assertEqual(documented, rows)

    def test_the_example_is_a_plan_with_every_verb(self):
        (_, example), = [pair for pair in Manual("mkinitrd-boot.plan.5").examples
                         if pair[0] == "EXAMPLE"]
        done = run(TABLES, "plan", input=example)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        verbs = re.findall(r"^verb\t(\w+)", run(TABLES).stdout, re.M)
        self.assertEqual(sorted(set(re.findall(r"^(\w+) ", example, re.M))), sorted(verbs))
        done = run(TABLES, "plan", input=example + "nonsense a=b\n")
        self.assertEqual(done.returncode, 1)


class InitManual(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.manual = Manual("mkinitrd-init.8")
        folder = os.path.join(cli.SOURCE, "init")
        cls.sources = {name: source("init", name) for name in os.listdir(folder)
                       if name.endswith((".c", ".h"))}
        cls.all = "\n".join(cls.sources.values())

    def test_each_step_is_documented(self):
        rows = dict(re.findall(r'\{ "(\w+)",\s+step_\w+,\s+FAIL_(STOP|NOTE),\s+\w+,\s+\w+ \}',
                               self.sources["main.c"]))
        # those that do not run in one piece; init's own comment has the whole list
        for name in re.findall(r'step_begin\([^"()]+, "(\w+)"\)', self.all):
            rows.setdefault(name, None)
        self.assertIn("disk", rows)
        self.assertIn("network", rows)
        documented = dict(re.fullmatch(r"(\w+) \((stop|note)\)", line).groups()
                          for line in self.manual.entries("STEPS"))
        self.assertEqual(set(documented), set(rows))
        for name, failure in rows.items():
            if failure:
                self.assertEqual(documented[name], failure.lower(), name)

    def test_each_parameter_is_documented(self):
        names = set(re.findall(r'(?:cmdline_(?:last|flag)|choose)\([^"()]+, "([\w.-]+)"', self.all))
        names |= set(re.findall(r'"(mkinitrd\.\w+)"', self.sources["parameters.c"]))
        # those that may stand several times are gone through one by one
        names |= set(re.findall(r'word->key, "([\w.-]+)"', self.all))
        self.assertIn("rd.break", names)
        self.assertIn("mkinitrd.disk", names)
        documented = {re.match(r"[\w.]+", line).group()
                      for line in self.manual.entries("KERNEL PARAMETERS")}
        self.assertEqual(documented, names)

    def test_each_place_to_break_is_documented(self):
        table = re.search(r"break_rows\[\] = \{(.*?)\};", self.sources["parameters.c"], re.S)
        rows = set(re.findall(r'\{ "([\w-]+)",', table.group(1)))
        self.assertIn("pre-mount", rows)
        (text,) = [re.sub(r"\(both: .*?\)", "", text) for line, text
                   in self.manual.entries("KERNEL PARAMETERS").items()
                   if line.startswith("rd.break")]
        body = Manual("mkinitrd-init.8").text("KERNEL PARAMETERS")
        body = body[body.index("*rd.break*"):body.index("*rd.debug*")]
        self.assertEqual(set(re.findall(r"\*([\w-]+)\*", body)), rows, text)

    def test_each_applet_is_documented(self):
        rows = re.findall(r'\{ "([\w-]+)",\s+applet_\w+ \}', self.sources["main.c"])
        self.assertIn("poweroff", rows)
        for name in rows:
            self.assertIn(name, plain(self.manual.text("SYNOPSIS") + self.manual.text("FILES")))
        options = re.search(r"usage\(FILE.*?\n\}", self.sources["power_applet.c"], re.S).group()
        self.assertEqual([line for line in self.manual.entries("POWER-OFF")],
                         re.findall(r'"  (-\w, --\w+) ', options))

    def test_each_path_below_run_is_documented(self):
        names = set(re.findall(r'RUN_DIRECTORY "/([\w.]+)"', self.all))
        names |= set(re.findall(r'RUN_FOLDER "/([\w.-]+)"', self.all))
        self.assertIn("control", names)
        documented = {match for line in self.manual.entries("FILES")
                      for match in re.findall(r"/run/mkinitrd/([\w.-]+)", line)}
        self.assertEqual(documented, names)

    def test_each_request_of_the_control_socket_is_documented(self):
        words = set(re.findall(r'^ \* "([a-z]+)', self.sources["control_message.h"], re.M))
        words |= set(re.findall(r'\[POWER_\w+\] = "(\w+)"', self.all))
        self.assertEqual(words, {"poweroff", "reboot", "halt", "network"})
        text = " ".join(self.manual.entries("CONTROL SOCKET"))
        for word in words:
            self.assertIn(word, text)


class Examples(cli.CliTest):
    """Every example of --help and of mkinitrd(8), on a small profile that has the shipped one's
    name. QEMU is a script here: what is booted, is booted by the boot tests."""

    PROFILE = """\
programs: { busybox: required, iptables: required }
boot:
  main: { exec: [busybox] }
  disk: { find: LABEL=DOCKER, at: /mnt }
  dhcp: { exec: [busybox, udhcpc] }
"""
    TREE = "run: { exec: [busybox] }\nfiles: { /etc/os-release: { content: ID=x } }\n"
    # what is said of a release stands for one that is installed; so does another one's image
    PLACES = [(r"/boot/initrd\.img-\S+", "only-docker.img"), (r"\b\d+\.\d+\.\d+-[\w-]+", "RELEASE"),
              (r"/mnt\b", "host")]

    def setUp(self):
        super().setUp()
        self.release = sorted(os.listdir("/lib/modules"))[-1]
        self.write("profiles/only-docker.yaml", self.PROFILE)
        for name in ("docker-from-scratch", "nspawn"):
            self.write(f"profiles/{name}.yaml", self.TREE)
        for name in ("docker", "ssh"):
            self.write("bin/" + name, "#!/bin/sh\ncat >/dev/null\n")
            os.chmod(self.path("bin/" + name), 0o755)
        self.write("site.yaml", "programs: { busybox: {} }\nvalues: { site: here }\n")
        self.write("web1.yaml", "files: { /etc/hostname: { content: web1 } }\n")
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path("key.pem"))
        self.make_container_images()
        self.make_host()
        self.write("serial.log", "[    1.500000] mkinitrd: mounts: ok (12 ms)\n")
        self.write("bin/qemu-system-x86_64", "#!/bin/sh\n")
        os.chmod(self.path("bin/qemu-system-x86_64"), 0o755)
        os.symlink(cli.MKINITRD, self.path("bin/mkinitrd"))
        self.assertEqual(self.run_example("mkinitrd -p only-docker -k RELEASE -o only-docker.img"
                                          ).returncode, 0)

    def make_container_images(self):
        """What from-docker takes, and the profile that it stands on."""
        for name in ("root-image", "network-cards"):
            self.write(f"profiles/{name}.yaml", "description: none\n")
        shutil.copy(os.path.join(cli.SOURCE, "profiles/machine.yaml"), self.path("profiles"))
        files = [archives.member("bin", tarfile.DIRTYPE), archives.member("etc", tarfile.DIRTYPE),
                 archives.member("bin/httpd", content=b"#!/bin/httpd\n", mode=0o755),
                 archives.member("etc/passwd", content=b"web:x:33:33::/:\n")]
        archives.tar(self.path("app.tar"), archives.saved([files], config={"Cmd": ["httpd"]}))
        archives.tar(self.path("exported.tar"), files)

    # what changes a host changes this one, which has a profile of that name as well
    HOST = r"^mkinitrd (update|status|enable|disable|hook)\b"

    def make_host(self):
        self.make_root()
        self.root.file(f"boot/vmlinuz-{cli.RELEASE}", "kernel")
        self.write("host-profiles/only-docker.yaml", cli.PROFILE)
        self.root.file("etc/mkinitrd/images.d/only-docker.yaml", "profile: only-docker\n")

    def run_host_example(self, line):
        line = re.sub(r"\b\d+\.\d+\.\d+-[\w-]+", cli.RELEASE, line)
        line = re.sub(self.HOST, rf"{cli.MKINITRD} \1 --root root", line)
        return run("bash", "-c", line, cwd=self.directory, stdin=subprocess.DEVNULL,
                   env=self.environment(MKINITRD_PROFILE_PATH=self.path("host-profiles")))

    def run_example(self, line):
        if re.match(self.HOST, line):
            return self.run_host_example(line)
        for pattern, replacement in self.PLACES:
            line = re.sub(pattern, replacement, line)
        environment = self.environment(MKINITRD_PROFILE_PATH=self.path("profiles"))
        environment["PATH"] = self.path("bin") + ":" + environment["PATH"]
        return run("bash", "-c", line.replace("RELEASE", self.release), env=environment,
                   cwd=self.directory, stdin=subprocess.DEVNULL)

    def test_examples_of_help(self):
        names = commands()
        for name in [None, *names]:
            lines = [line.strip() for line in section_of(help_of(*filter(None, [name])),
                                                         "EXAMPLES")]
            self.assertNotEqual(lines, [], name)
            for line in lines:
                with self.subTest(command=name, example=line):
                    self.check_example(line)

    def test_examples_of_the_manual(self):
        lines = "".join(text for section, text in Manual("mkinitrd.8").examples
                        if section == "EXAMPLES").splitlines()
        self.assertGreater(len(lines), 5)
        for line in lines:
            with self.subTest(example=line):
                self.check_example(line)

    def check_example(self, line):
        done = self.run_example(line)
        # 3: check, diff and status found something, which is no mistake in the example
        good = (0, 3) if re.match(r"mkinitrd (check|diff|status)\b", line) else (0,)
        self.assertIn(done.returncode, good, line + "\n" + done.stderr)


class Form(cli.CliTest):

    def test_pages_have_no_warning(self):
        for name in MANUALS:
            page = os.path.join(cli.BUILD, name)
            done = run("man", "--warnings", "-l", page,
                       env=self.environment(MANROFFSEQ="", MANWIDTH="80", LC_ALL="C.UTF-8"))
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn("SEE ALSO", done.stdout)
            # what scdoc itself writes: its paragraphs, its long lines
            lint = [line for line in run("mandoc", "-Tlint", page).stdout.splitlines()
                    if ": STYLE: " not in line and "skipping paragraph macro" not in line]
            self.assertEqual(lint, [], name)

    def test_pages_refer_to_pages_that_exist(self):
        for name in MANUALS:
            manual = Manual(name)
            for page, section in re.findall(r"(mkinitrd[\w.-]*)\((\d)\)", plain(source(
                    "docs", name + ".scd"))):
                self.assertIn(f"{page}.{section}", MANUALS, name)
            self.assertIn("SEE ALSO", manual.sections)

    def test_pages_are_installed(self):
        done = run("cmake", "--install", cli.BUILD, "--prefix", self.path("prefix"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in MANUALS:
            found = os.path.join("share/man", f"man{name[-1]}", name)
            self.assertTrue(os.path.exists(self.path(os.path.join("prefix", found))), found)

    def test_without_scdoc_the_build_says_so(self):
        done = run("cmake", "-G", "Ninja", "-S", cli.SOURCE, "-B", self.path("build"),
                   "-DSCDOC=OFF", "-DMKINITRD_TESTS=OFF")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("building without the manual pages", done.stdout)
        done = run("ninja", "-C", self.path("build"), "-t", "targets", "all")
        self.assertNotIn("mkinitrd.8:", done.stdout)
        self.assertIn("init/main.c.o", done.stdout)



if __name__ == "__main__":
    cli.main("man", "mandoc", "groff", "scdoc", "cmake", "ninja")
