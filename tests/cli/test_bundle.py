# SPDX-License-Identifier: Apache-2.0
"""mkinitrd profile bundle: what of a stack is a host's own, as a file; and what unpacks it at boot.

Facts: openssl-pkeyutl(1) checks the signature; cpio(1) reads the archive: both are not ours
"""
import hashlib
import json
import os
import shutil
import stat
import subprocess
import unittest

import cli
import newc

UNPACK = os.path.join(cli.BUILD, "bundle")
IMAGE = """\
values: { hostname: image, role: none }
programs: { hello: required }
boot: { hostname: "${hostname}", main: { exec: [hello] } }
files:
  /etc/motd: { content: "this is ${hostname}, $${hostname}\\n" }
  /etc/role: { content: "role ${role}\\n" }
  /etc/fixed: { content: "fixed\\n" }
  /etc/ssl/certs/ca-certificates.crt: {}
"""
HOST = """\
values: { hostname: web1 }
files:
  /etc/hostname: { content: "${hostname}\\n" }
  /etc/secret: { content: "hush\\n", mode: "0600" }
  /etc/to: { link: motd }
  /etc/theirs: { content: x, owner: "7:8" }
  /root/.ssh/authorized_keys: { from: web1.pub, mode: "0600" }
"""
ARGUMENTS = ["profile", "bundle", "-p", "./image.yaml", "-p", "./web1.yaml", "-o", "web1.bundle"]
FILES = ["etc/hostname", "etc/motd", "etc/secret", "etc/theirs", "etc/to",
         "root/.ssh/authorized_keys"]


class BundleTest(cli.CliTest):
    def setUp(self):
        super().setUp()
        self.write("image.yaml", IMAGE)
        self.write("web1.yaml", HOST)
        self.write("web1.pub", "ssh-ed25519 AAAA me\n")

    def bundle(self, *more, **options):
        return self.check([*ARGUMENTS, "-q", *more], 0, **options)

    def size(self):
        return os.path.getsize(self.path("web1.bundle"))

    def refuse(self, error, **options):
        """Nothing is written, and one line says why."""
        self.check(ARGUMENTS, 1, stderr=f"mkinitrd: {error}\n", **options)
        self.assertFalse(os.path.exists(self.path("web1.bundle")))

    def keys(self, name="key"):
        """The paths of a private key and of its public one; the public one in hexadecimal."""
        private, public = self.path(name + ".pem"), self.path(name + ".pub.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private],
                       check=True, timeout=60)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public],
                       check=True, timeout=60)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"],
                             check=True, timeout=60, stdout=subprocess.PIPE).stdout
        return private, public, der[-32:].hex()


class Made(BundleTest):
    """What is in it."""

    def test_D0_16_content(self):
        self.assertEqual(self.run_program(*ARGUMENTS).stderr,
                         f"mkinitrd: web1.bundle: 6 files, {self.size()} bytes\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("web1.bundle")).st_mode), 0o600)
        with open(self.path("web1.bundle"), "rb") as file:
            listed = subprocess.run(["cpio", "-t", "--quiet"], stdin=file, check=True, timeout=60,
                                    stdout=subprocess.PIPE, text=True).stdout.split()
        self.assertEqual(sorted(FILES + [newc.MANIFEST, newc.COMPLETE]),
                         sorted(name for name in listed
                                if not any(other.startswith(name + "/") for other in listed)))
        image = newc.Image(self.path("web1.bundle"))
        self.assertEqual(image["etc/motd"].content, b"this is web1, ${hostname}\n")
        self.assertEqual(image["etc/secret"].mode, stat.S_IFREG | 0o600)
        self.assertEqual(image["root/.ssh/authorized_keys"].mode, stat.S_IFREG | 0o600)
        owners = {entry.name: (entry.uid, entry.gid) for entry in image.entries}
        self.assertEqual(owners.pop("etc/theirs"), (7, 8))
        self.assertEqual(set(owners.values()), {(0, 0)})

    def test_D0_16_manifest(self):
        self.bundle()
        image = newc.Image(self.path("web1.bundle"))
        self.assertEqual(image.entries[-1].name, newc.COMPLETE)
        self.assertEqual(image.entries[-2].name, newc.MANIFEST)
        listed = {entry["path"]: entry for entry in
                  json.loads(image[newc.MANIFEST].content)["entries"]}
        for name in FILES:
            if name != "etc/to":
                self.assertEqual(listed[name]["sha256"],
                                 hashlib.sha256(image[name].content).hexdigest())
        self.check(["why", "web1.bundle", "etc/motd"], 0, "etc/motd\n  file (image.yaml:5)\n")
        self.check(["cat", "web1.bundle", "/etc/hostname"], 0, "web1\n")
        self.check(["diff", "web1.bundle", "web1.bundle"], 0,
                   stderr="mkinitrd: web1.bundle and web1.bundle hold the same\n")
        done = self.run_program("check", "-q", "web1.bundle")
        self.assertEqual((done.status, done.stdout, done.stderr), (0, "", ""))
        image.compress = bytes
        image.edit("etc/motd", "web1", "web2")
        image.write(self.path("bad"))
        done = self.run_program("check", "-q", "bad")
        self.assertEqual(done.status, 3)
        self.assertIn(" etc/motd: ", done.stdout)

    def test_D0_16_same_bytes(self):
        self.bundle()
        shutil.move(self.path("web1.bundle"), self.path("first"))
        os.makedirs(self.path("elsewhere/tmp"))
        for name in ("image.yaml", "web1.yaml", "web1.pub"):
            shutil.copy(self.path(name), self.path("elsewhere"))
        os.utime(self.path("elsewhere/web1.pub"), (1, 1))
        self.bundle("-v", cwd=self.path("elsewhere"),
                    env=self.environment(TMPDIR=self.path("elsewhere/tmp")))
        with open(self.path("first"), "rb") as one, \
                open(self.path("elsewhere/web1.bundle"), "rb") as other:
            self.assertEqual(one.read(), other.read())
        self.assertEqual(os.listdir(self.path("elsewhere/tmp")), [])

    def test_D0_15_layers(self):
        """Of three, the last one is the host's; a single one has no image below it."""
        self.write("site.yaml", "values: { role: web }\nprograms: { hello: optional }\n"
                                "files: { /etc/site: { content: a } }\n")
        self.check(["profile", "bundle", "-p", "./image.yaml", "-p", "./site.yaml", "./web1.yaml",
                    "-q"], 0)
        names = [entry.name for entry in newc.Image(self.path("web1.bundle")).entries]
        self.assertNotIn("etc/site", names)
        self.assertNotIn("etc/role", names)
        self.assertIn("etc/motd", names)
        self.write("alone.yaml", "files: { /etc/site: { content: a } }\n")
        self.check(["profile", "bundle", "./alone.yaml", "-q"], 0)
        self.assertIn("etc/site", [entry.name for entry in
                                   newc.Image(self.path("alone.bundle")).entries])

    def test_D0_15_set(self):
        """--set is the host's, too, and reaches the image's templates."""
        self.bundle("--set", "values.role=db")
        image = newc.Image(self.path("web1.bundle"))
        self.assertEqual(image["etc/role"].content, b"role db\n")
        self.assertNotIn("etc/fixed", image)

    def test_D0_15_no_reach(self):
        """A value that a host changes, where a bundle does not reach, is a warning."""
        self.write("web1.yaml", "values: { hostname: web1 }\n")
        self.check([*ARGUMENTS, "-q"], 0,
                   stderr="mkinitrd: warning: image.yaml:3:19: 'boot.hostname' uses "
                          "'${hostname}', which a bundle changes in files alone; going on\n")


class Refused(BundleTest):
    def test_D0_16_undefined(self):
        self.write("web1.yaml", "files:\n  /etc/motd:\n    content: a ${hostnme}\n")
        self.refuse("web1.yaml:3:14: '${hostnme}' is not set under 'values:'; did you mean '${hostname}'?")

    def test_D0_16_no_file(self):
        for text, error in (
                ("programs: { hi: required }\n", "web1.yaml:1:13: 'programs.hi"),
                ("boot: { main: { exec: [a] } }\n", "web1.yaml:1:17: 'boot.main.exec"),
                ("kernel: { modules: { ext4: required } }\n",
                 "web1.yaml:1:11: 'kernel")):
            with self.subTest(text):
                self.write("web1.yaml", text)
                done = self.run_program(*ARGUMENTS)
                self.assertEqual(done.status, 1)
                self.assertRegex(done.stderr, "^mkinitrd: " + error.split(":")[0] + r":1:\d+: '" +
                                 error.split("'")[1].replace(".", r"\."))
                self.assertIn("' cannot be in a bundle, which carries files alone; say it in a "
                              "profile of the image, and name that one before the host's: "
                              "-p IMAGE -p HOST\n", done.stderr)

    def test_D0_16_of_the_root(self):
        for value in ("{}", "{ from: /etc/issue }", "optional"):
            with self.subTest(value):
                self.write("web1.yaml", f"files:\n  /etc/issue: {value}\n")
                self.refuse("web1.yaml:2:3: '/etc/issue' is a file of the root, and a bundle "
                            "carries what stands in a profile ('content:', 'link:') or beside it "
                            "('from:' with a relative path)")

    def test_D0_16_removed(self):
        self.write("web1.yaml", "files: { /etc/fixed: null }\n")
        self.refuse("image.yaml:7:3: '/etc/fixed' is a file of the image, which the profile "
                    "'web1' takes out; a bundle cannot")

    def test_D0_16_nothing(self):
        self.write("web1.yaml", "description: nothing\n")
        self.refuse("the profile 'web1' changes no file of the image's profiles: there is nothing "
                    "for a bundle")

    def test_D0_16_closed_paths(self):
        for path, problem in (
                ("/init", "is what the kernel starts; a bundle cannot replace it"),
                ("/usr/lib/mkinitrd/agent", "is mkinitrd's own; a bundle cannot replace it"),
                ("/run/x", "is empty at every start; it is mounted over"),
                ("/proc/sys/kernel/hostname", "is the kernel's; it is mounted over")):
            with self.subTest(path):
                self.write("web1.yaml", f"files:\n  {path}: {{ content: a }}\n")
                self.refuse(f"'{path}' {problem} (file (web1.yaml:2))")

    def test_D0_16_too_large(self):
        with open(self.path("large"), "wb") as file:
            file.truncate(17 << 20)
        self.write("web1.yaml", "files:\n  /etc/large: { from: large }\n")
        self.refuse("'/etc/large' is more than a bundle may have: 16 MiB, 4096 entries; put large "
                    "files into the image (file (web1.yaml:2))")

    def test_usage(self):
        self.check(["profile", "bundle"], 2,
                   stderr="mkinitrd: 'profile bundle' needs profiles: -p IMAGE... -p HOST, those "
                          "of the image and the host's last\n")
        self.check(["profile", "show", "./image.yaml", "--sign", "a"], 2,
                   stderr="mkinitrd: 'profile show' takes no --sign; 'profile bundle' does\n")


class Signed(BundleTest):
    def test_D0_16_signature(self):
        private, public, _ = self.keys()
        self.assertEqual(self.run_program(*ARGUMENTS, "--sign", private).stderr,
                         f"mkinitrd: web1.bundle: 6 files, {self.size()} bytes, signed\n")
        with open(self.path("web1.bundle.sig"), "rb") as file:
            first = file.read()
        self.assertEqual(len(first), 64)
        subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public,
                        "-sigfile", "web1.bundle.sig", "-in", "web1.bundle"], check=True,
                       timeout=60, cwd=self.directory, stdout=subprocess.DEVNULL)
        self.bundle("--sign", private)
        with open(self.path("web1.bundle.sig"), "rb") as file:
            self.assertEqual(file.read(), first)

    def test_D0_16_wrong_key(self):
        subprocess.run(["openssl", "genpkey", "-algorithm", "rsa", "-out", self.path("rsa.pem")],
                       check=True, timeout=60, stderr=subprocess.DEVNULL)
        _, public, _ = self.keys()
        for key in ("rsa.pem", public, self.write("text", "no key\n")):
            with self.subTest(key):
                self.check([*ARGUMENTS, "--sign", key], 1,
                           stderr=f"mkinitrd: '{key}' is no Ed25519 private key without a "
                                  "passphrase; make one: openssl genpkey -algorithm ed25519 -out "
                                  "KEY.pem\n")
                self.assertFalse(os.path.exists(self.path("web1.bundle")))
        self.check([*ARGUMENTS, "--sign", "none"], 1,
                   stderr="mkinitrd: cannot read the key 'none': No such file or directory\n")


class Planned(BundleTest):
    """boot.bundle of an image's profile."""

    def setUp(self):
        super().setUp()
        self.make_root()

    def build(self, bundle, status=0, error=""):
        profile = self.write("fixture.yaml", cli.PROFILE + f"  bundle: {bundle}\n")
        return self.check(["-p", profile, "--root", "root", "-k", cli.RELEASE, "-o", "a.img", "-q"],
                          status, stderr=error)

    def test_D0_11_plan(self):
        _, public, key = self.keys()
        self.build("{ find: LABEL=BOOT, key: key.pub.pem, need: required, wait: 3s, path: a/b }")
        plan = self.run_program("cat", "a.img", "usr/lib/mkinitrd/boot.plan").stdout
        self.assertIn("\nbundle find=LABEL=BOOT path=a/b "
                      f"key={key} need=required wait=3000\n", plan)
        self.assertIn("usr/lib/mkinitrd/bundle\n", self.run_program("ls", "a.img").stdout)
        shutil.copy(public, self.root / "etc/site.pub")
        self.build("{ find: LABEL=BOOT, key: /etc/site.pub }")
        plan = self.run_program("cat", "a.img", "usr/lib/mkinitrd/boot.plan").stdout
        self.assertIn("\nbundle find=LABEL=BOOT path=mkinitrd/host.bundle "
                      f"key={key} need=optional wait=10000\n", plan)

    def test_D0_11_none(self):
        """Without the key nothing of it is in the image."""
        self.check(self.build_arguments() + ["-q"], 0)
        self.assertNotIn("bundle", self.run_program("ls", "a.img").stdout)
        self.assertNotIn("bundle", self.run_program("cat", "a.img",
                                                    "usr/lib/mkinitrd/boot.plan").stdout)

    def test_D0_11_bad_key(self):
        private, _, _ = self.keys()
        self.build("{ find: LABEL=BOOT, key: key.pem }", 1,
                   "mkinitrd: fixture.yaml:5:36: 'key.pem' is no Ed25519 public key; make it of "
                   "the private one: openssl pkey -in KEY.pem -pubout -out KEY.pub\n")
        os.unlink(private)
        self.build("{ find: LABEL=BOOT, key: key.pem }", 1,
                   "mkinitrd: fixture.yaml:5:36: the key 'key.pem' cannot be read beside the "
                   "profile: No such file or directory\n")
        self.build("{ find: LABEL=BOOT, key: /etc/key }", 1,
                   "mkinitrd: fixture.yaml:5:36: the key '/etc/key' cannot be read in the root: "
                   "No such file or directory\n")

    def test_D0_11_no_disk(self):
        self.build("{ need: optional }", 1,
                   "mkinitrd: fixture.yaml:5:11: 'bundle:' has no 'find:', and the root lies on no "
                   "disk ('boot: root:'); name the disk on which bundles lie\n")


@unittest.skipUnless(os.geteuid() == 0, "owners are for root to give")
class Unpacked(BundleTest):
    """The program that runs at boot, without one."""

    def setUp(self):
        super().setUp()
        self.private, _, self.key = self.keys()
        self.bundle("--sign", self.private)
        for folder in ("layer", "root/etc", "root/root", "root/usr/lib"):
            os.makedirs(self.path(folder))
        os.chmod(self.path("root/root"), 0o700)
        os.chown(self.path("root/etc"), 5, 6)
        os.symlink("usr/lib", self.path("root/lib"))
        self.write("root/etc/motd", "the image's\n")

    def unpack(self, status, words, *options, target="layer", name="web1.bundle"):
        self.check([*options, ".", name, target, "root"], status, words + "\n", program=UNPACK)

    def content(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def attributes(self, name):
        status = os.lstat(self.path(name))
        return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid

    def changed(self, change):
        image = newc.Image(self.path("web1.bundle"))
        image.compress = bytes
        change(image)
        image.write(self.path("bad"))

    def nothing_written(self):
        self.assertEqual(os.listdir(self.path("layer")), [])

    def test_D0_11_layer(self):
        """Owners and modes are the bundle's, those of directories the root's."""
        self.unpack(0, "files=6 signature=good hostname=web1", "--key", self.key)
        found = sorted(os.path.relpath(os.path.join(folder, name), self.path("layer"))
                       for folder, _, names in os.walk(self.path("layer")) for name in names)
        self.assertEqual(found, FILES)
        self.assertEqual(self.content("layer/etc/motd"), "this is web1, ${hostname}\n")
        self.assertEqual(os.readlink(self.path("layer/etc/to")), "motd")
        self.assertEqual(self.attributes("layer/etc/secret"), (0o600, 0, 0))
        self.assertEqual(self.attributes("layer/etc/theirs"), (0o644, 7, 8))
        self.assertEqual(self.attributes("layer/etc"), (0o755, 5, 6))
        self.assertEqual(self.attributes("layer/root"), (0o700, 0, 0))
        self.assertEqual(self.attributes("layer/root/.ssh"), (0o755, 0, 0))
        self.assertEqual(self.content("root/etc/motd"), "the image's\n")

    def test_D0_11_over_the_root(self):
        self.unpack(0, "files=6 signature=none hostname=web1", target="root")
        self.assertEqual(self.content("root/etc/motd"), "this is web1, ${hostname}\n")
        self.assertEqual(self.attributes("root/etc"), (0o755, 5, 6))
        self.assertEqual(self.attributes("root/root"), (0o700, 0, 0))
        self.assertEqual(sorted(os.listdir(self.path("root/etc"))),
                         ["hostname", "motd", "secret", "theirs", "to"])

    def test_D0_11_absent(self):
        self.unpack(3, "", name="none.bundle")
        self.unpack(3, "", name="web1.bundle/none")

    def test_D0_16_damaged(self):
        rows = (
            (lambda image: image.edit("etc/motd", "web1", "web2"),
             "holds 'etc/motd', which has another content than its manifest says (SHA-256)"),
            (lambda image: image.edit("etc/to", "motd", "mott"),
             "holds 'etc/to', which leads elsewhere than its manifest says"),
            (lambda image: setattr(image["etc/secret"], "mode", stat.S_IFREG | 0o644),
             "holds 'etc/secret', which has another type, mode or owner than its manifest says"),
            (lambda image: image.add(newc.file("etc/more", b"x")),
             "holds 'etc/more', which its manifest does not have"),
            (lambda image: image.add(image["etc/motd"]), "holds 'etc/motd', which is there twice"),
            (lambda image: image.drop("etc/motd"),
             "lacks 'etc/motd', which its manifest has"),
            (lambda image: image.drop(newc.MANIFEST),
             "holds 'usr/lib/mkinitrd/complete', which is mkinitrd's own; a bundle cannot replace "
             "it"),
            (lambda image: image.drop(newc.COMPLETE), "is no bundle: it has no manifest"),
            (lambda image: setattr(image[newc.MANIFEST], "content", b"{}"),
             "has a manifest that is none"),
            (lambda image: setattr(image, "compress", lambda archive: archive[:700]),
             "is cut short"),
            (lambda image: setattr(image, "compress", lambda archive: archive + b"070701"),
             "has something behind its end"),
            (lambda image: setattr(image, "compress", lambda archive: b"x" * 200),
             "is no bundle: no newc archive begins it"),
            (lambda image: setattr(image, "compress", lambda archive: b""), "is cut short"),
            (lambda image: image.before.append(bytes(17 << 20)),
             "is too large: 16 MiB are the most"))
        for change, words in rows:
            with self.subTest(words):
                self.changed(change)
                self.unpack(1, words, name="bad")
                self.nothing_written()

    def test_D0_16_hostile(self):
        """Names and kinds that a manifest agrees to."""
        rows = (
            (newc.file("/etc/abs"), "has an empty component"),
            (newc.file("etc/../../out"), "has a component '.' or '..'"),
            (newc.file("../out"), "has a component '.' or '..'"),
            (newc.file("etc//out"), "has an empty component"),
            (newc.file("etc/out/"), "has an empty component"),
            (newc.file("init"), "is what the kernel starts; a bundle cannot replace it"),
            (newc.file("usr/lib/mkinitrd/agent"), "is mkinitrd's own; a bundle cannot replace it"),
            (newc.file("/".join("a" * 40)), "is too deep"),
            (newc.file("etc/" + "a" * 300), "has a component that is too long"),
            (newc.Entry("etc/null", stat.S_IFCHR | 0o666), "is no file, directory or symlink"),
            (newc.Entry("etc/pipe", stat.S_IFIFO | 0o666), "is no file, directory or symlink"),
            (newc.symlink("etc/away", ""), "is a symlink to nothing"))
        for entry, problem in rows:
            with self.subTest(entry.name):
                self.changed(lambda image, entry=entry: image.add(entry))
                self.unpack(1, f"holds '{entry.name}', which {problem}", name="bad")
                self.nothing_written()

    def test_D0_16_through_a_link(self):
        """A symlink of the bundle's own, and then a file below it."""
        def change(image):
            image.add(newc.symlink("etc/out", "/tmp"))
            image.add(newc.file("etc/out/file", b"x"))
            image.agree()
        self.changed(change)
        self.unpack(1, "holds 'etc/out/file', which cannot be made: Not a directory", name="bad")
        self.assertFalse(os.path.exists("/tmp/file"))

    def test_D0_11_layout_of_the_root(self):
        """A directory would cover a symlink, and all that is seen through it."""
        self.write("web1.yaml", "files: { /lib/firmware/x: { content: a } }\n")
        self.bundle()
        self.unpack(1, "holds 'lib/firmware/x', but '/lib' is no directory in the image; name the "
                       "path it leads to, or another")
        self.write("web1.yaml", "files: { /root: { content: a } }\n")
        self.bundle()
        self.unpack(1, "holds 'root', but '/root' is a directory in the image; name the path it "
                       "leads to, or another")

    def test_D0_16_signature(self):
        _, _, other = self.keys("other")
        wrong = "has a wrong signature: it was changed, or signed with another key"
        self.unpack(1, wrong, "--key", other)
        with open(self.path("web1.bundle"), "ab") as file:
            file.write(bytes(4))
        self.unpack(0, "files=6 signature=none hostname=web1", target="root")
        self.unpack(1, wrong, "--key", self.key)
        with open(self.path("web1.bundle.sig"), "ab") as file:
            file.write(b"x")
        self.unpack(1, "has a signature of 65 bytes, and 64 are one", "--key", self.key)
        os.unlink(self.path("web1.bundle.sig"))
        self.unpack(1, "has no signature, 'web1.bundle.sig', which this image asks for", "--key",
                    self.key)
        self.nothing_written()

    def test_D0_11_links_of_the_disk(self):
        """What the disk's own links say stays on the disk."""
        os.symlink("/etc/passwd", self.path("away"))
        self.unpack(3, "", name="away")
        os.mkfifo(self.path("pipe"))
        self.unpack(1, "cannot be read: it is no file", name="pipe")

    def test_D0_11_hostname(self):
        self.write("web1.yaml", 'files: { /etc/hostname: { content: "a b\\n" } }\n')
        self.bundle()
        self.unpack(1, "holds 'etc/hostname', which is no name of a host")


if __name__ == "__main__":
    cli.main("cpio", "openssl")
