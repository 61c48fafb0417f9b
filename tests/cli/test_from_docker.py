# SPDX-License-Identifier: Apache-2.0
"""Container images as machines: what an image says about running it is what the machine runs.

Archives are made here, and by a real Docker where the machine has one. Each bad one says one line
and leaves nothing behind.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import unittest

import cli
from archives import joined, layout, member, saved, tar
from tree_case import TreeTest

sys.path.insert(0, os.path.join(cli.SOURCE, "tests/boot"))
import dockerd  # pylint: disable=wrong-import-position
import docker_app  # pylint: disable=wrong-import-position

PLAN = "usr/lib/mkinitrd/boot.plan"
SETTINGS = {
    "Entrypoint": ["serve", "--flag"], "Cmd": ["one", "two words", ""],
    "Env": ["PATH=/opt/bin:/bin", "LANG=C", "PRICE=$5 ${x} \"q\" \\\n", "LANG=C.UTF-8", "EMPTY="],
    "User": "web:dial", "WorkingDir": "/srv/www", "StopSignal": "SIGRTMIN+3",
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "8080": {}},
    "Volumes": {"/srv/data": {}, "/srv": {}}}


def system(*more):
    """What the images here hold."""
    return [member("bin", tarfile.DIRTYPE), member("opt", tarfile.DIRTYPE),
            member("opt/bin", tarfile.DIRTYPE), member("etc", tarfile.DIRTYPE),
            member("etc/passwd", content=b"root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv/www:\n"),
            member("etc/group", content=b"dial:x:20:web\n"),
            member("opt/bin/serve", content=b"#!/bin/sh\n", mode=0o755),
            member("bin/sh", content=b"sh of the image", mode=0o755), *more]


class FromDockerTest(TreeTest):
    """A root with what the profile machine takes from a host, but for its modules."""

    def setUp(self):
        super().setUp()
        self.root.file("usr/bin/busybox", "busybox of the host", 0o755)
        self.write("profiles/root-image.yaml", "description: none\n")
        self.write("profiles/network-cards.yaml", "description: none\n")
        shutil.copy(os.path.join(cli.SOURCE, "profiles/machine.yaml"), self.path("profiles"))
        with open(self.path("profiles/machine.yaml"), encoding="utf-8") as file:
            text = re.sub(r"^  modules:\n(    .*\n)+", "", file.read(), flags=re.M)
        self.write("profiles/machine.yaml", text)

    def environment(self, **more):
        return super().environment(**{"MKINITRD_PROFILE_PATH": self.path("profiles"), **more})

    def save(self, path="app.tar", layers=None, **config):
        members = saved(layers or [system()], **config)
        return tar(self.path(path), members)

    def make(self, *arguments, archive="app.tar", status=0, output="a.img"):
        done = self.run_program("from-docker", archive, "--root", "root", "-k", cli.RELEASE,
                                "-o", output, *arguments)
        self.assertEqual(done.status, status, done.stderr)
        self.assertEqual(os.listdir(self.path("spool")), [])
        return done

    def refuse(self, problem, *arguments, archive="app.tar", status=1):
        """One line, and nothing is written."""
        before = sorted(os.listdir(self.directory))
        done = self.make(*arguments, archive=archive, status=status)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("mkinitrd: "), done.stderr)
        self.assertIn(problem, done.stderr)
        self.assertEqual(sorted(os.listdir(self.directory)), before)

    def plan(self, image="a.img"):
        """Its lines, by verb."""
        lines = self.run_program("cat", image, PLAN).stdout.splitlines()
        return {line.split(" ")[0]: line for line in lines}


class Machine(FromDockerTest):

    MAIN = (r'main name=main exec=/opt/bin/serve exec=--flag exec=one exec="two words" exec="" '
            r'env=PATH=/opt/bin:/bin env="PRICE=$5 ${x} \"q\" \\\n" env=LANG=C.UTF-8 env=EMPTY= '
            r'needs=network wait=60000 user=web:dial directory=/srv/www stop=SIGRTMIN+3')

    def check_machine(self, image="a.img"):
        plan = self.plan(image)
        self.assertEqual(plan["main"], self.MAIN)
        self.assertEqual(plan["end"], "end is=poweroff")
        self.assertEqual(plan["mode"], "mode is=supervise")
        self.assertEqual(plan["disk"].split(" ", 1)[1],
                         "find=LABEL=DOCKER at=/var/lib/machine absent=tmpfs wait=10000 resize=no "
                         "volume=/srv volume=/srv/data")
        self.assertIn("dhcp exec=/usr/lib/mkinitrd/busybox exec=udhcpc", plan["dhcp"])
        entries = self.entries(image)
        self.assertEqual(entries["srv/www"]["type"], "directory")  # the image lacks it
        self.assertEqual(entries["usr/lib/mkinitrd/busybox"]["size"], 19)
        self.assertEqual(entries["bin/sh"]["size"], 15)  # its own

    def test_WD_15_what_the_image_says_is_what_the_machine_runs(self):
        self.save(config=SETTINGS)
        self.make()
        self.check_machine()
        self.assertIn("usr/lib/mkinitrd/busybox\n", self.run_program("ls", "a.img").stdout)
        self.assertIn("from-docker:", self.run_program("why", "a.img", "opt/bin/serve").stdout)
        self.make("--layout", "cpio", output="b.img")
        with open(self.path("a.img"), "rb") as one, open(self.path("b.img"), "rb") as two:
            self.assertEqual(one.read(), two.read())

    def test_WD_15_WD_16_an_OCI_layout_is_as_good_as_an_archive(self):
        layout(self.path("app"), [system()],
               settings={"architecture": "amd64", "os": "linux", "config": SETTINGS})
        self.make(archive="app")
        self.check_machine()
        subprocess.run(["tar", "-cf", "app.tar", "-C", "app", "."], check=True, timeout=60,
                       cwd=self.directory)
        self.make(output="b.img")
        self.check_machine("b.img")

    def test_WD_15_the_profile_that_it_makes_leads_to_the_same(self):
        self.save(config=SETTINGS)
        self.make("--as", "profile", output="app.yaml")
        with open(self.path("app.yaml"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn("from: app.tar", text)  # beside it: the two can move
        self.assertIn("  ports:\n    53/udp: {}\n    80/tcp: {}\n    8080/tcp: {}\n", text)
        os.mkdir(self.path("moved"))
        for name in ("app.tar", "app.yaml"):
            os.rename(self.path(name), self.path("moved/" + name))
        done = self.run_program("-p", "moved/app.yaml", "--root", "root", "-k", cli.RELEASE,
                                "-o", "a.img")
        self.assertEqual(done.status, 0, done.stderr)
        self.check_machine()
        shown = self.run_program("from-docker", "moved/app.tar", "--as", "profile")
        self.assertEqual(shown.stdout, text.replace("from: app.tar", "from: " +
                                                    os.path.realpath(self.path("moved/app.tar"))))

    def test_WD_15_the_tree_alone_for_somebody_else(self):
        """No kernel, no init; what the image says goes where systemd-nspawn reads it."""
        release = member("etc/os-release", content=b"ID=app\n")
        self.save(layers=[system(release)], config=SETTINGS)
        self.make("--as", "tar", output="tree.tar")
        names = subprocess.run(["tar", "-tf", self.path("tree.tar")], check=True, timeout=60,
                               capture_output=True, text=True).stdout.split()
        self.assertIn("opt/bin/serve", names)
        self.assertEqual([name for name in names if "mkinitrd" in name or name == "init"], [])
        done = self.run_program("from-docker", "app.tar", "--root", "root", "--as", "dir",
                                "--nspawn", "app", "--host-root", self.path("host"), "--force",
                                "--set", "run.env.PRICE=5")
        self.assertEqual(done.status, 0, done.stderr)
        with open(self.path("host/etc/systemd/nspawn/app.nspawn"), encoding="utf-8") as file:
            text = file.read()
        for line in ("User=web", "WorkingDirectory=/srv/www", "KillSignal=SIGRTMIN+3"):
            self.assertIn(line + "\n", text)
        self.assertIn('Parameters="/opt/bin/serve" "--flag" "one" "two words" ""\n', text)
        self.assertIn("/app/srv:/srv", text)
        self.assertIn("LANG=C.UTF-8", text)

    def test_WD_15_profiles_and_sets_lie_over_it(self):
        self.save(config=SETTINGS)
        self.write("site.yaml", "run: { user: '7', env: { LANG: null, MORE: \"1\" } }\n"
                                "boot: { main: { end: restart }, disk: null }\n")
        self.make("-p", "./site.yaml", "--set", "run.stop-signal=INT", "--", "only", "--this")
        plan = self.plan()
        self.assertIn("exec=/opt/bin/serve exec=--flag exec=only exec=--this env=", plan["main"])
        self.assertIn("user=7 directory=/srv/www stop=SIGINT", plan["main"])
        self.assertIn("env=MORE=1", plan["main"])
        self.assertNotIn("LANG", plan["main"])
        self.assertNotIn("end", plan)
        self.assertNotIn("disk", plan)

    def test_WD_15_without_user_and_volumes(self):
        self.save(config={"Cmd": ["/bin/sh", "-c", "echo hi"]})
        self.make()
        plan = self.plan()
        self.assertEqual(plan["main"], 'main name=main exec=/bin/sh exec=-c exec="echo hi" '
                                       "needs=network wait=60000 user=0")
        self.assertNotIn("disk", plan)

    def test_WD_15_a_relative_entry_point_is_below_the_working_directory(self):
        self.save(layers=[system(member("srv", tarfile.DIRTYPE),
                                 member("srv/run", content=b"#!/bin/sh\n", mode=0o755))],
                  config={"Entrypoint": ["./run"], "WorkingDir": "/srv"})
        self.make()
        self.assertIn("exec=/srv/./run", self.plan()["main"])

    def test_WD_15_what_docker_export_lost_is_asked_for(self):
        tar(self.path("app.tar"), system())
        self.refuse("'app.tar' has the files of a container alone: its command, environment, user, "
                    "folder, ports and volumes were lost in 'docker export'; give the command "
                    "behind '--', the rest with -p or --set: run.env.NAME, run.user, "
                    "run.directory, run.ports, run.volumes; or take a 'docker save'\n")
        self.make("--set", "run.env.PATH=/opt/bin", "--set", "run.user=web", "--", "serve", "-x")
        self.assertIn("main name=main exec=/opt/bin/serve exec=-x env=PATH=/opt/bin needs=network "
                      "wait=60000 user=web", self.plan()["main"])
        self.make("--set", "run.exec=[/opt/bin/serve]", output="b.img")
        self.refuse("--image a:1: 'app.tar' is no archive of images, but of files",
                    "--image", "a:1")

    def test_WD_16_which_of_several_images_is_asked_for(self):
        one = saved([system()], "one:1", config={"Cmd": ["/bin/sh", "1"]})
        two = saved([system(member("two"))], "two:2", config={"Cmd": ["/bin/sh", "2"]})
        tar(self.path("app.tar"), joined(one, two))
        self.refuse("'app.tar' has 2 images (one:1, two:2); say which one is meant with --image "
                    "NAME:TAG\n")
        self.refuse("'app.tar' has no image 'three:3'", "--image", "three:3")
        self.make("--image", "two:2")
        self.assertIn("exec=2", self.plan()["main"])
        self.assertIn("two", self.entries())


class Refused(FromDockerTest):

    def test_WD_15_images_that_cannot_run_here(self):
        rows = [
            ({"architecture": "arm64", "config": {"Cmd": ["sh"]}},
             "is an image for arm64, and kernel and init here are for amd64; take the image for "
             "that: docker pull --platform linux/amd64\n"),
            ({"os": "windows", "config": {"Cmd": ["sh"]}}, "is an image for windows"),
            ({"config": {}}, "has no command, neither ENTRYPOINT nor CMD"),
            ({}, "has no command, neither ENTRYPOINT nor CMD"),
            ({"config": {"Cmd": ["nginx", "-g"], "Env": ["PATH=/usr/games:/bin"]}},
             "the tree has no program 'nginx' to run as main (searched: /usr/games:/bin)"),
            ({"config": {"Cmd": ["/bin/nginx"]}},
             "the tree has no program '/bin/nginx' to run as main; name another"),
            ({"config": {"Cmd": ["sh"], "Env": ["PATH=/opt/bin"]}},
             "the tree has no program 'sh' to run as main (searched: /opt/bin)"),
            ({"config": {"Cmd": ["/etc/passwd"]}}, "the tree has no program '/etc/passwd'"),
            ({"config": {"Cmd": "/bin/sh -c x"}}, "its 'Cmd' is no list of words"),
            ({"config": {"Cmd": ["sh", 5]}}, "word 2 of its 'Cmd' is no text"),
            ({"config": {"Cmd": ["sh"], "Env": ["PATH=/bin", "HOME"]}},
             "its variable 'HOME' has no '='"),
            ({"config": {"Cmd": ["sh"], "Env": ["=x"]}}, "'' is no name of a variable (Env '=x')"),
            ({"config": {"Cmd": ["sh"], "User": "nobody"}},
             "'main' cannot run as 'nobody' in the image: /etc/passwd has no such user"),
            ({"config": {"Cmd": ["sh"], "User": "web:www"}},
             "'main' cannot run as 'web:www' in the image: /etc/group has no such group"),
            ({"config": {"Cmd": ["sh"], "User": "4294967296"}}, "an id is at most 2147483647"),
            ({"config": {"Cmd": ["sh"], "User": "a b"}}, "its user 'a b' is no USER or USER:GROUP"),
            ({"config": {"Cmd": ["sh"], "WorkingDir": "srv"}},
             "its folder 'srv' (WorkingDir) is no full path"),
            ({"config": {"Cmd": ["sh"], "WorkingDir": "/etc/passwd"}},
             "'main' is to begin in '/etc/passwd', which is no folder in the image"),
            ({"config": {"Cmd": ["sh"], "StopSignal": "SIGNONE"}},
             "its stop signal 'SIGNONE' is none"),
            ({"config": {"Cmd": ["sh"], "ExposedPorts": {"http": {}}}}, "its port 'http' is none"),
            ({"config": {"Cmd": ["sh"], "Volumes": {"/a/../..": {}}}},
             "its volume '/a/../..' is no full path of a folder"),
            ({"config": {"Cmd": ["sh"], "Volumes": ["/a"]}}, "its 'Volumes' is no set of names"),
            ({"config": {"Cmd": ["sh", "x" * 200000]}},
             "its 'Cmd' has a text of 200000 bytes, which no program can be given"),
            ({"config": {"Cmd": ["sh"] * 20000}}, "its 'Cmd' has 20000 words"),
        ]
        for config, problem in rows:
            with self.subTest(problem):
                self.save(**config)
                self.refuse(problem)

    def test_WD_16_what_is_changed_is_refused(self):
        self.save(config={"Cmd": ["/bin/sh"]}, break_at=0)
        self.refuse("is damaged: the layer '")
        members = saved([system()], config={"Cmd": ["/bin/sh"]})
        name, content = members[0]
        tar(self.path("app.tar"), [(name, content.replace(b"/bin/sh", b"/bin/xx")), *members[1:]])
        self.refuse("is damaged: '")
        for part in ("config", "manifest", "layer"):
            with self.subTest(part):
                shutil.rmtree(self.path("app"), ignore_errors=True)
                layout(self.path("app"), [system()], settings={"config": {"Cmd": ["/bin/sh"]}},
                       **{part: True})
                self.refuse("is damaged: ", archive="app")

    def test_what_is_used_wrongly(self):
        self.save(config={"Cmd": ["/bin/sh"]})
        for arguments, problem in ((("--as", "iso"), "--as is initramfs, disk, dir, tar or profile"),
                                   (("--into", "x"), "--into and --disk-size need --as disk"),
                                   (("--disk-size", "1G"), "need --as disk"),
                                   (("--as", "disk", "-n"), "--dry-run is for --as initramfs, dir and tar")):
            with self.subTest(problem):
                self.refuse(problem, *arguments, status=2)
        self.check(["from-docker"], 2, "", "mkinitrd: from-docker takes an ARCHIVE: of docker save "
                   "or docker export, or an OCI layout; see mkinitrd from-docker --help\n")
        self.refuse("cannot read 'none.tar'", archive="none.tar")
        self.refuse("is neither a file nor a folder", archive="/dev/null")
        self.refuse("is the root of this machine", archive="/")
        self.write("empty.tar", "")
        self.refuse("'empty.tar'", "--", "sh", archive="empty.tar")

    def test_keys_of_main_that_need_another_mode(self):
        for key, value in (("end", "poweroff"), ("stop-signal", "INT"), ("needs", "[network]")):
            self.check_refused(
                f"boot:\n  main: {{ exec: [hello], {key}: {value} }}\n"
                "programs: { hello: required }\n",
                f"fixture.yaml:2:{28 + len(key)}: 'boot: main: {key}' is for 'boot: mode: "
                "supervise': in mode exec main is process 1, and the machine ends with it")

    def images(self):
        return [name for name in super().images() if name not in ("profiles", "spool")]


class Services(FromDockerTest):

    def test_every_service_may_have_a_user_a_folder_and_a_signal(self):
        self.check(self.build_arguments("""\
programs: { hello: required }
files:
  /etc/passwd: { content: "web:x:33:34::/srv:\\n" }
boot:
  services:
    one: { exec: [hello], user: web, directory: /srv/one, stop-signal: 3 }
  main: { exec: [hello], user: "5:6", directory: /etc }
"""), 0, "", "mkinitrd: a.img: SUMMARY\n")
        plan = self.plan()
        self.assertEqual(plan["service"], "service name=one exec=/usr/bin/hello wait=60000 "
                                          "user=web directory=/srv/one stop=3")
        self.assertEqual(plan["main"], "main name=main exec=/usr/bin/hello wait=60000 user=5:6 "
                                       "directory=/etc")
        self.assertEqual(self.entries()["srv/one"]["type"], "directory")

    def test_a_user_that_the_image_lacks_is_said_with_its_line(self):
        done = self.run_program(*self.build_arguments(
            "programs: { hello: required }\n"
            "boot:\n  main: { exec: [hello], user: web }\n"))
        self.assertEqual(done.status, 1)
        self.assertEqual(done.stderr, "mkinitrd: fixture.yaml:3:32: 'main' cannot run as 'web' in "
                         "the image: /etc/passwd has no such user; add it, or give a number\n")


@unittest.skipIf(dockerd.lacks(), "no Docker can run here: " + dockerd.lacks())
class Real(FromDockerTest):
    """An image that Docker built: what `docker run` gives its program is what the plan gives it."""

    def test_WD_3_WD_15_as_docker_run_starts_it(self):
        with dockerd.Dockerd(self.path("engine")) as engine:
            docker_app.build(engine, self.path("context"))
            ran = engine.docker("run", "--rm", "app:1", "two words")
            engine.docker("save", "-o", self.path("app.tar"), "app:1")
            engine.docker("export", "-o", self.path("export.tar"),
                          engine.docker("create", "app:1"))
        said = dict(line.split(" ", 1) for line in ran.splitlines() if " " in line)
        self.make("--", "two words")
        plan = self.plan()
        main = plan["main"]
        self.assertIn('exec=/opt/bin/say exec=-v exec="two words"', main)
        self.assertEqual(said["ARGS"], "2 two words")
        self.assertIn("user=app", main)
        self.assertIn("directory=" + said["CWD"] + " ", main)
        self.assertIn("stop=SIGUSR1", main)
        self.assertIn("volume=/data", plan["disk"])
        for variable in re.findall(r"^ENV (.*)$", ran, re.M):
            # what Docker or the shell add: of a machine init does, or nobody
            if variable.split("=")[0] not in ("HOME", "HOSTNAME", "PWD", "SHLVL"):
                self.assertRegex(main, rf' env="?{re.escape(variable)}"? ')
        # the files of both are the same, but for what a container gets from Docker
        self.make("--set", "run.user=app", "--set", "run.env.PATH=/opt/bin:/bin", "--", "say",
                  archive="export.tar", output="b.img")
        ours, theirs = self.entries(), self.entries("b.img")
        for path in ("opt/bin/say", "data/seed", "home/app", "etc/passwd"):
            for key in ("type", "mode", "uid", "gid", "sha256", "size"):
                self.assertEqual(ours[path].get(key), theirs[path].get(key), (path, key))


if __name__ == "__main__":
    cli.main("cpio")
