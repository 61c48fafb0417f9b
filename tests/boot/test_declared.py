# SPDX-License-Identifier: Apache-2.0
"""Containers that a profile declares: started, kept, replaced, removed; those of others untouched.

usage: test_declared.py [Agent|Boots]

Agent: the program that does it, with this machine's own engine. Boots: two boots of one disk, the
second with an image that was changed.
"""
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import disks
import dockerd
import machine

AGENT = os.path.join(machine.BUILD, "agent")
# as process 1 of a container, what does not handle a signal does not hear it: a stop would take 10 s
SLEEPS = "trap exit TERM; sleep 100000 & wait"
SERVES = "trap exit TERM; httpd -f -p 80 -h /www & wait"
CONTAINERS_OK = r"mkinitrd: containers: ok (.*) \(\d+ ms\)"


class Agent(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if dockerd.lacks():
            raise unittest.SkipTest(dockerd.lacks())
        folder = tempfile.TemporaryDirectory(prefix="mkinitrd-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.engine = dockerd.Dockerd(os.path.join(cls.folder, "engine"))
        cls.engine.start()
        cls.addClassCleanup(cls.engine.end)
        cls.engine.busybox()
        cls.env = os.path.join(cls.folder, "web.env")

    def setUp(self):
        self.docker = self.engine.docker
        for name in self.docker("ps", "-aq").split():
            self.docker("rm", "-f", name)
        self.write(self.env, "# of the web server\n\nSECRET=first one\n", 0o644)

    def write(self, path, text, mode=0o600):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def agent(self, *lines, status=0):
        """What it says on stdout, and its log."""
        plan = os.path.join(self.folder, "boot.plan")
        self.write(plan, "mkinitrd-plan 1\n" + "".join(f"declared {line}\n" for line in lines))
        done = subprocess.run([AGENT, "declared", "--socket", self.engine.path("docker.sock"),
                               "--wait", "60000", "--plan", plan], capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout.rstrip("\n"), done.stderr

    def web(self, page="/bin", extra=""):
        return (f"name=web image={dockerd.BUSYBOX} port=8080:80 env-file={self.env} "
                f"volume=data:/data command=sh command=-c "
                f'command="mkdir /www; echo {page} >/www/index.html; {SERVES}" '
                f"{extra}")

    def sleeper(self, name, extra=""):
        return (f"name={name} image={dockerd.BUSYBOX} network=none command=sh command=-c "
                f'command="{SLEEPS}" {extra}')

    def page(self):
        return self.docker("run", "--rm", "--net", "host", dockerd.BUSYBOX, "sh", "-c",
                           "for i in 1 2 3 4 5 6 7 8 9 10; do wget -q -O - http://127.0.0.1:8080/ "
                           "&& exit; sleep 0.3; done; exit 1")

    def ids(self):
        lines = self.docker("ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
        return dict(line.split() for line in lines)

    def test_D0_24_run_replaced_removed(self):
        self.docker("run", "-d", "--name", "other", dockerd.BUSYBOX, "sleep", "100000")
        said, log = self.agent(self.web("one"), self.sleeper("db", "restart=always"))
        self.assertEqual(said, "started=web,db")
        # the secret's file is put right, and its content is in no line
        self.assertIn(f"web: '{self.env}' could be read by others; its mode is 0600 now", log)
        self.assertEqual(stat.S_IMODE(os.stat(self.env).st_mode), 0o600)
        self.assertNotIn("first one", said + log)
        self.assertEqual(self.page(), "one")
        web = self.engine.inspect("web")
        self.assertIn("SECRET=first one", web["Config"]["Env"])
        self.assertEqual(web["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped")
        self.assertEqual(web["Mounts"][0]["Name"], "data")
        self.assertEqual(self.engine.inspect("db")["HostConfig"]["RestartPolicy"]["Name"], "always")

        before = self.ids()
        self.assertEqual(self.agent(self.web("one"), self.sleeper("db", "restart=always"))[0],
                         "kept=web,db")
        self.assertEqual(self.ids(), before)

        # another command; then another secret
        self.assertEqual(self.agent(self.web("two"), self.sleeper("db", "restart=always"))[0],
                         "kept=db replaced=web")
        self.assertEqual(self.page(), "two")
        self.write(self.env, "SECRET=second one\n")
        self.assertEqual(self.agent(self.web("two"), self.sleeper("db", "restart=always")),
                         ("kept=db replaced=web", ""))
        self.assertIn("SECRET=second one", self.engine.inspect("web")["Config"]["Env"])
        after = self.ids()
        self.assertEqual((after["db"], after["other"]), (before["db"], before["other"]))
        self.assertEqual(set(after), {"web", "db", "other"})

        self.assertEqual(self.agent(self.web("two"))[0], "kept=web removed=db")
        self.assertEqual(self.agent()[0], "removed=web")
        self.assertEqual(self.ids(), {"other": before["other"]})
        self.assertTrue(self.engine.inspect("other")["State"]["Running"])
        # what was written is not a container
        self.assertIn("data", self.docker("volume", "ls", "-q").split())

    def test_D0_24_a_new_one_that_does_not_start(self):
        self.agent(self.web("one"), self.sleeper("db"))
        before = self.ids()
        said, _ = self.agent(
            f"name=web image={dockerd.BUSYBOX} port=8080:80 command=/no/such/program",
            self.sleeper("db", "restart=always"), status=1)
        self.assertRegex(said, "^web: cannot start the container '[0-9a-f]+': Docker says: .*"
                         "/no/such/program.*; the one before it runs again$")
        self.assertEqual(self.page(), "one")
        # and the others are seen to all the same
        self.assertEqual(self.engine.inspect("db")["HostConfig"]["RestartPolicy"]["Name"], "always")
        self.assertEqual(self.ids()["web"], before["web"])
        self.assertEqual(set(self.ids()), {"web", "db"})

    def test_D0_24_names_and_files_that_cannot_be(self):
        self.docker("run", "-d", "--name", "taken", dockerd.BUSYBOX, "sleep", "100000")
        before = self.ids()
        said, log = self.agent(self.sleeper("taken"), self.sleeper("lost", "env-file=/no/such"),
                               self.sleeper("x"), self.sleeper("good"),
                               self.sleeper("port", "port=80").replace("network=none", ""), status=1)
        self.assertRegex(said, "^taken: cannot make the container 'taken': Docker says: Conflict")
        self.assertIn("lost: cannot read '/no/such': No such file or directory\n", log)
        self.assertIn("x: it has no name that Docker takes\n", log)
        self.assertIn("port: '80' is no port: [ADDRESS:]PORT:PORT", log)
        self.assertEqual(set(self.ids()), {"taken", "good"})
        self.assertEqual(self.ids()["taken"], before["taken"])
        self.write(self.env, "SECRET=x\nwhat is that\n")
        said, log = self.agent(self.web(), status=1)
        self.assertEqual(said, f"web: cannot read '{self.env}': line 2 is no NAME=VALUE")

    def test_D0_24_killed_and_cut_short(self):
        self.agent(self.web("one"), self.sleeper("db"))
        pid = self.engine.inspect("web")["State"]["Pid"]
        # its first process, as the engine's host would see it killed
        self.docker("run", "--rm", "--pid", "host", "--privileged", dockerd.BUSYBOX, "kill", "-9",
                    str(pid))
        self.assertEqual(self.page(), "one")
        self.assertNotEqual(self.engine.inspect("web")["State"]["Pid"], pid)
        # a change that was cut short: after the old one was removed, before it was renamed
        ids = self.ids()
        self.docker("rename", "web", "web.new")
        self.assertEqual(self.agent(self.web("one"), self.sleeper("db"))[0], "kept=web,db")
        self.assertEqual(self.ids(), ids)
        # and before the old one was stopped
        self.docker("rename", "web", "web.new")
        self.docker("create", "--name", "web", "--label", "mkinitrd.declared=web", dockerd.BUSYBOX,
                    "true")
        self.assertEqual(self.agent(self.web("one"), self.sleeper("db"))[0], "kept=web,db")
        self.assertEqual(self.ids(), ids)
        self.assertEqual(self.page(), "one")
        # somebody's stop holds where the policy says so
        self.docker("stop", "-t", "0", "db")
        self.agent(self.web("one"), self.sleeper("db"))
        self.assertFalse(self.engine.inspect("db")["State"]["Running"])
        once = f"name=once image={dockerd.BUSYBOX} restart=no command=true"
        self.agent(once)
        first = self.docker("wait", "once"), self.engine.inspect("once")["State"]["StartedAt"]
        self.assertEqual(self.agent(once)[0], "kept=once")
        self.docker("wait", "once")
        self.assertNotEqual(first[1], self.engine.inspect("once")["State"]["StartedAt"])

    def test_D0_24_how_long_a_port_does_not_answer(self):
        """A client that asks the port each second, while the container behind it is replaced: as
        long as a stop and a start take, whatever else this machine does."""
        self.agent(self.web("one"))
        self.page()
        reference = time.monotonic()
        self.docker("restart", "web")
        self.page()
        reference = time.monotonic() - reference
        client = threading.Thread(target=self.docker, args=(
            "run", "--name", "client", "--net", "host", dockerd.BUSYBOX, "sh", "-c",
            "until [ -e /stop ]; do wget -q -O - http://127.0.0.1:8080/ || echo lost; "
            "sleep 1; done"))
        client.start()
        end = f"while ! docker --host {self.engine.host} exec client true; do sleep 0.2; done"
        subprocess.run(["sh", "-c", end], timeout=60, check=True, capture_output=True)
        self.assertEqual(self.agent(self.web("two"))[0], "replaced=web")
        self.page()
        self.docker("exec", "client", "sh", "-c", "sleep 2; touch /stop")
        client.join(60)
        self.assertFalse(client.is_alive())
        said = self.docker("logs", "client").split()
        print(f"{said.count('one')} of the old, {said.count('lost')} lost, "
              f"{said.count('two')} of the new; a restart takes {reference:.1f} s", flush=True)
        self.assertEqual(said[0], "one")
        self.assertEqual(said[-1], "two")
        self.assertLessEqual(said.count("lost"), 2 * reference + 2)


PROFILE = """\
include: [only-docker]
files: {{ /etc/mkinitrd/web.env: {{ content: "SECRET=of the image\\n", mode: "0600" }} }}
containers:
  "console-image:latest": null
  "web:1":
    programs: {{ busybox: {{}} }}
    files:
      "/bin/{{sh,sleep,httpd}}": {{ link: busybox }}
      /www/index.html: {{ content: "{page}\\n" }}
    command: [sh, -c, "{serves}"]
boot:
  console: null
  containers:
    web: {{ image: "web:1", ports: ["8080:80"], env-file: /etc/mkinitrd/web.env, volumes: ["data:/data"] }}
    {second}
"""
DB = f'db: {{ image: "web:1", command: [sh, -c, "{SLEEPS}"], network: none, restart: always }}'


class Boots(machine.BootTest):

    def image(self, name, page, second):
        profile = self.path(name + ".yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(PROFILE.format(page=page, second=second, serves=SERVES))
        machine.build_image(self.path(name + ".img"), "--set", machine.TTY, profile=profile)
        return self.path(name)

    def boot(self, image, disk):
        guest = self.machine(image, name=os.path.basename(image), disks=[disk])
        guest.wait_for(machine.EXEC_DOCKERD, 240)
        return guest, guest.wait_for(CONTAINERS_OK, machine.READY_SECONDS).group(1)

    def power_off(self, guest, disk):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        self.assert_clean(disk)

    def test_D0_24_two_boots(self):
        disk = disks.make_raw(self.path("disk.raw"))
        guest, said = self.boot(self.image("first", "first", DB), disk)
        run = guest.shell.run
        self.assertEqual(said, "started=web,db")
        page = "busybox wget -q -O - http://127.0.0.1:8080/ 2>/dev/null"
        self.assertEqual(run(f"until {page}; do sleep 1; done", 60), "first\n")
        self.assertEqual(run("docker inspect -f '{{.Config.Env}}' web").count("SECRET=of the image"),
                         1)
        # killed, it returns
        run("kill -9 $(docker inspect -f '{{.State.Pid}}' web)")
        self.assertEqual(run(f"until {page}; do sleep 1; done", 60), "first\n")
        run("docker run -d --restart always --net none --name other web:1 sleep 100000")
        other = run("docker inspect -f '{{.Id}}' other; docker volume inspect -f '{{.CreatedAt}}' data")
        old = run("docker image inspect -f '{{.Id}}' web:1")
        self.power_off(guest, disk)

        # the same name of its image, but other content; and one is not declared any more
        guest, said = self.boot(self.image("second", "second", ""), disk)
        run = guest.shell.run
        self.assertEqual(said, "replaced=web removed=db")
        self.assertEqual(run(f"until {page}; do sleep 1; done", 60), "second\n")
        self.assertEqual(sorted(run("docker ps --format '{{.Names}}'").split()), ["other", "web"])
        self.assertEqual(run("docker inspect -f '{{.Id}}' other; "
                             "docker volume inspect -f '{{.CreatedAt}}' data"), other)
        self.assertNotEqual(run("docker image inspect -f '{{.Id}}' web:1"), old)
        self.assertEqual(run("ls /usr/share/mkinitrd/images"), "")
        self.power_off(guest, disk)


if __name__ == "__main__":
    if "Agent" not in sys.argv[1:]:
        machine.needs_tools()
    unittest.main(verbosity=2)
