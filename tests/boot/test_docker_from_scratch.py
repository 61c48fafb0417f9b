# SPDX-License-Identifier: Apache-2.0
"""Trees as container images in a real dockerd: the smallest Docker root, and what import and export
keep.

In:    an engine on this machine, in namespaces of its own; this system's Docker as what is packed
Facts: the engine's own listing, `docker export`, is what is compared with the manifest
"""
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

import dockerd

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("MKINITRD_BUILD", os.path.join(SOURCE, "build")))
MKINITRD = os.path.join(BUILD, "mkinitrd")
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))
READY_SECONDS = 20
ENTRY = 'ENTRYPOINT ["/usr/bin/dockerlaunch", "dockerd"]\n'
DOCKER_BINARIES = ("usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/sbin/dockerd",
                   "usr/sbin/runc", "usr/sbin/docker-proxy", "usr/bin/tini-static")
# what the engine itself puts into each container
ENGINE_OWN = {".dockerenv", "dev/console", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts",
              "etc/mtab", "etc/resolv.conf"}  # and its /dev has a mode of its own


def mkinitrd(*arguments, folder):
    done = subprocess.run([MKINITRD, *arguments], cwd=folder, capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


class Engine(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        lacks = dockerd.lacks()
        if lacks:
            print("skipped: " + lacks)
            sys.exit(77)
        cls.scratch = tempfile.TemporaryDirectory(prefix="mkinitrd-", dir="/var/tmp")
        cls.folder = cls.scratch.name
        cls.engine = dockerd.Dockerd(os.path.join(cls.folder, "engine")).start()

    @classmethod
    def tearDownClass(cls):
        cls.engine.end()
        cls.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def inner(self, name, *arguments, data=None):
        """docker in the container @name, which must succeed."""
        return self.engine.docker("exec", "-i", name, "docker", *arguments, data=data)

    def daemon(self, image, name):
        """A container whose daemon answers within 20 s."""
        self.engine.docker("run", "--privileged", "-d", "--name", name, image)
        self.addCleanup(self.engine.docker, "rm", "-f", "-v", name)
        end = time.monotonic() + READY_SECONDS
        while self.engine.run("exec", name, "docker", "ps").returncode:
            if time.monotonic() > end:
                self.fail(self.engine.docker("logs", name))
            time.sleep(0.2)
        return name

    def runs_containers(self, name):
        """An inner run, and an inner build of two lines."""
        self.inner(name, "import", "-", "inner:1", data=dockerd.busybox_tar())
        self.assertEqual(self.inner(name, "run", "--rm", "inner:1", "/bin/echo", "inner"), "inner")
        self.engine.docker("exec", "-i", name, "docker", "build", "-q", "-t", "built", "-",
                           data=b'FROM inner:1\nRUN ["/bin/touch", "/made"]\n')
        self.assertEqual(self.inner(name, "run", "--rm", "built", "/bin/ls", "/made"), "/made")

    def exported(self, container):
        done = self.engine.run("export", container)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            found = {}
            for info in tar:
                info.mode &= 0o7777  # Go's writer has the type there, too
                found[info.name] = (info, tar.extractfile(info).read() if info.isreg() else None)
            return found

    def created(self, image, *command):
        container = self.engine.docker("create", image, *command)
        self.addCleanup(self.engine.docker, "rm", "-v", container)
        return self.exported(container)


class DockerFromScratch(Engine):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mkinitrd("oci", "-p", "docker-from-scratch", "--tag", "dind", "-o", "dind.tar",
                 folder=cls.folder)
        mkinitrd("tar", "-p", "docker-from-scratch", "-o", "files.tar", folder=cls.folder)
        cls.engine.docker("load", "-i", os.path.join(cls.folder, "dind.tar"))

    def test_DL_1_load_run_exec(self):
        config = self.engine.inspect("dind", "image")["Config"]
        self.assertEqual(config["Entrypoint"], ["/usr/bin/dockerlaunch", "dockerd"])
        self.assertEqual(config["Volumes"], {"/var/lib/docker": {}})
        name = self.daemon("dind", "daemon")
        self.assertEqual(json.loads(self.inner(name, "info", "-f", "{{json .Driver}}")), "overlay2")
        self.runs_containers(name)

    def test_DL_11_ps(self):
        name = self.daemon("dind", "top")
        self.inner(name, "import", "-", "inner:1", data=dockerd.busybox_tar())
        self.inner(name, "run", "-d", "--name", "sleeper", "inner:1", "/bin/sleep", "1000")
        self.assertIn("/bin/sleep 1000", self.inner(name, "top", "sleeper"))

    def test_DL_1_files_are_those_of_the_manifest(self):
        wanted = set(mkinitrd("oci", "-p", "docker-from-scratch", "-n",
                              folder=self.folder).splitlines())
        found = self.created("dind")
        self.assertEqual({name.rstrip("/") for name in found} - ENGINE_OWN, wanted - ENGINE_OWN)
        docker = next(name for name in found if name.endswith("/bin/docker"))
        rest = sum(len(content or b"") for name, (_, content) in found.items()
                   if name not in DOCKER_BINARIES and name != docker)
        self.assertLess(rest, 25 << 20)

    def test_DL_14_layout(self):
        found = self.created("dind")
        self.assertEqual({name: found[name][0].linkname for name in ("lib", "sbin", "var/run")},
                         {"lib": "usr/lib", "sbin": "usr/sbin", "var/run": "../run"})
        self.assertEqual((found["tmp"][0].mode, found["root"][0].mode), (0o1777, 0o700))

    def base(self):
        """A Debian as small as they come, from the files that this system's own packages list."""
        listed = subprocess.run(["dpkg-query", "-L", "base-files", "base-passwd", "libc6", "dash"],
                                capture_output=True, text=True, check=True,
                                timeout=60).stdout.split("\n")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for link in ("bin", "sbin", "lib", "lib64"):
                info = tarfile.TarInfo(link)
                info.type, info.linkname = tarfile.SYMTYPE, "usr/" + link
                tar.addfile(info)
            places = {os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
                      for path in listed if path.startswith("/") and path != "/."}
            for real in sorted(places - {"/bin", "/sbin", "/lib", "/lib64", "/etc/passwd"}):
                if os.path.lexists(real) and not real.startswith("/usr/share/doc"):
                    tar.add(real, recursive=False)
            info = tarfile.TarInfo("etc/passwd")
            info.size = 4
            tar.addfile(info, io.BytesIO(b"own\n"))
        self.engine.load_tar("base:1", buffer.getvalue())

    def test_DL_2_added_to_another_image(self):
        self.base()
        before = self.created("base:1", "/bin/sh")
        context = self.path("context")
        os.makedirs(context)
        os.link(self.path("files.tar"), context + "/files.tar")
        with open(context + "/Dockerfile", "w", encoding="ascii") as file:
            file.write("FROM base:1\nADD files.tar /\nVOLUME /var/lib/docker\n" + ENTRY)
        self.engine.docker("build", "-q", "-t", "added", context)
        after = self.created("added")
        manifest = set(mkinitrd("tar", "-p", "docker-from-scratch", "-n",
                                folder=self.folder).splitlines())
        changed = {name for name, (info, content) in before.items()
                   if name not in after or after[name][1] != content or
                   (after[name][0].mode, after[name][0].linkname) != (info.mode, info.linkname)}
        self.assertLessEqual(changed - ENGINE_OWN, manifest)
        self.assertEqual(after["etc/passwd"][1], b"own\n")
        self.runs_containers(self.daemon("added", "in-debian"))


class DockerBuild(Engine):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        mkinitrd("oci", "-p", "docker-build", "--tag", "builder", "-o", "builder.tar",
                 folder=cls.folder)
        cls.engine.docker("load", "-i", os.path.join(cls.folder, "builder.tar"))

    def git(self, folder, *arguments):
        """git in the engine's network."""
        subprocess.run(["nsenter", f"--net=/proc/{self.engine.main_pid()}/ns/net", "git", "-C",
                        folder, "-c", "user.name=t", "-c", "user.email=t", "-c",
                        "init.defaultBranch=master", *arguments], check=True, timeout=60,
                       capture_output=True, env={**os.environ, "HOME": self.folder})

    def repository(self, name, *more):
        work = self.path("work-" + name)
        os.makedirs(work)
        self.git(work, "init", "-q")
        for path, text in more:
            with open(os.path.join(work, path), "w", encoding="ascii") as file:
                file.write(text)
        return work

    def publish(self, work, name):
        self.git(work, "add", ".")
        self.git(work, "commit", "-q", "-m", name)
        self.git(self.folder, "clone", "-q", "--bare", work, self.path(f"served/{name}.git"))

    def serve(self):
        """The address at which git daemon has what is below served/."""
        os.makedirs(self.path("served"))
        enter = ["nsenter", f"--net=/proc/{self.engine.main_pid()}/ns/net"]
        shown = subprocess.run([*enter, "ip", "-4", "-o", "address", "show", "docker0"], check=True,
                               capture_output=True, text=True, timeout=60).stdout
        address = shown.split()[3].split("/")[0]
        program = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True,
                                 timeout=60).stdout.strip() + "/git-daemon"
        server = subprocess.Popen([*enter, program, "--export-all", "--reuseaddr", "--verbose",
                                   "--base-path=" + self.path("served")], stderr=subprocess.PIPE,
                                  env={**os.environ, "HOME": self.folder})
        self.addCleanup(server.communicate, timeout=60)
        self.addCleanup(server.kill)
        self.assertIn(b"Ready to rumble", server.stderr.readline())
        return "git://" + address

    def test_DL_9_DL_10_git_url_with_a_submodule_and_xz(self):
        url = self.serve()
        self.publish(self.repository("sub", ("file", "from the submodule\n")), "sub")
        work = self.repository("main", ("Dockerfile", "FROM inner:1\nCOPY . /src\n"
                                        'CMD ["/bin/cat", "/src/sub/file"]\n'))
        self.git(work, "submodule", "add", "-q", url + "/sub.git", "sub")
        self.publish(work, "main")
        name = self.daemon("builder", "builder")
        self.inner(name, "import", "-", "inner:1", data=dockerd.busybox_tar())
        self.inner(name, "build", "-q", "-t", "fromgit", url + "/main.git")
        self.assertEqual(self.inner(name, "run", "--rm", "fromgit"), "from the submodule")
        saved = self.engine.run("exec", name, "docker", "save", "fromgit").stdout
        self.inner(name, "rmi", "fromgit")
        packed = subprocess.run(["xz", "-0", "-c"], input=saved, capture_output=True, check=True,
                                timeout=60).stdout
        self.inner(name, "load", data=packed)
        self.assertEqual(self.inner(name, "run", "--rm", "fromgit"), "from the submodule")
        # without git and xz both are refused, and all else works
        for program in ("git", "xz"):
            self.engine.docker("exec", name, "docker", "run", "--rm", "-v", "/usr/bin:/there",
                               "inner:1", "/bin/rm", "/there/" + program)
        self.assertNotEqual(self.engine.run("exec", name, "docker", "build", "-q",
                                            url + "/main.git").returncode, 0)
        self.assertNotEqual(self.engine.run("exec", "-i", name, "docker", "load",
                                            data=packed).returncode, 0)
        self.inner(name, "load", data=saved)


class Formats(Engine):
    """What `docker import` and `docker export` keep of a tree, and `docker load` of an image."""

    def test_DL_1_import_and_export(self):
        import archives
        import tree_case
        archives.tar(self.path("base.tar"), tree_case.system() + [
            archives.member("./cap", content=b"program", mode=0o755)])
        tree = self.path("tree")
        os.mkdir(tree)
        subprocess.run(["tar", "-xf", self.path("base.tar"), "-C", tree], check=True, timeout=60)
        os.setxattr(tree + "/cap", "security.capability", tree_case.CAPABILITY)
        os.setxattr(tree + "/cap", "user.origin", b"a\nb")
        self.write("tree.yaml", "trees: { base: { from: tree } }\n")
        mkinitrd("tar", "-p", "./tree.yaml", "-o", "a.tar", folder=self.folder)
        mkinitrd("oci", "-p", "./tree.yaml", "--tag", "tree:1", "-o", "a.oci", folder=self.folder)
        self.engine.docker("import", self.path("a.tar"), "imported:1")
        self.engine.docker("load", "-i", self.path("a.oci"))
        for image in ("imported:1", "tree:1"):
            with self.subTest(image=image):
                container = self.engine.docker("create", image, "/sbin/init")
                self.addCleanup(self.engine.docker, "rm", container)
                done = self.engine.run("export", container)
                with open(self.path("b.tar"), "wb") as file:
                    file.write(done.stdout)
                self.compare("a.tar", "b.tar")

    def listed(self, name):
        """What each name is, and which of them are one file. Of attributes docker export knows
        capabilities alone."""
        found, links = {}, set()
        with tarfile.open(self.path(name)) as tar:
            for info in tar:
                content = tar.extractfile(info).read() if info.isreg() or info.islnk() else None
                capability = info.pax_headers.get("SCHILY.xattr.security.capability")
                if info.islnk():
                    links |= {info.name, info.linkname}
                # which of several names has the content is each writer's own
                found[info.name] = (tarfile.REGTYPE if info.islnk() else info.type,
                                    info.mode & 0o7777, info.uid, info.gid, info.devmajor,
                                    info.devminor, content, info.linkname if info.issym() else "",
                                    capability)
        return {name: value for name, value in found.items() if name not in ENGINE_OWN}, links

    def compare(self, left, right):
        (before, links), (after, same_links) = self.listed(left), self.listed(right)
        self.assertEqual(links, same_links)
        self.assertIsNotNone(before["cap"][-1])
        self.assertEqual(before, {**after, **{name: value for name, value in before.items()
                                              if name == "dev"}})


if __name__ == "__main__":
    unittest.main()
