# SPDX-License-Identifier: Apache-2.0
"""A virtual machine that a test drives: QEMU, its serial lines and its monitor.

In:    a kernel, an image, disks, words for the kernel's command line
Out:   lines of the first serial line as they come (markers), a shell on the second one, QMP
Not:   what is right or wrong about a boot: that is the test's business
Facts: QEMU connects to our sockets, not we to its, so nothing is lost and nothing is polled for.
       QMP's SHUTDOWN event tells a power-off (guest-shutdown) from a restart (guest-reset), which
       QEMU's exit status does not.
       Threads: one for all CPUs of the guest. With a thread for each, QEMU 7.2 now and then keeps
       the translation of an instruction that the kernel patches on the other CPU (a static key:
       the first container with a CPU limit): both CPUs then loop in the breakpoint handler for
       good. Seen within 400 limits set and taken back; with one thread not in 8,000.
       Disks: cache=unsafe, so that no flush of the guest waits for the disk of this machine, which
       a build beside it may keep busy for a minute. QEMU still hands on what the guest flushes, and
       the page cache that it then lies in outlives QEMU, killed or not.
"""
import json
import os
import queue
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

QEMU = "qemu-system-x86_64"
PANIC = re.compile(r"Kernel panic - not syncing.*|Fatal exception in interrupt")
FAILED_STEP = re.compile(r"mkinitrd: [a-z]+: failed: .*")
INIT_LINE = re.compile(r"mkinitrd: [a-z]+: (ok|skipped|failed)")
TAIL_LINES = 60


class BootError(AssertionError):
    """Anything that went wrong in the machine; the end of its serial line is in the text."""


class GuestPanic(BootError):
    """the kernel panicked"""


class GuestDied(BootError):
    """QEMU ended before the marker was seen"""


class Deadline(BootError):
    """the marker was not seen in time"""


class OtherMarker(BootError):
    """a marker was seen that excludes the one waited for"""


class Line:
    """One byte stream of the guest: all that it said, with our clock beside each line."""

    def __init__(self, path, log_path, started, on_line=None):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(30)
        self.log_path, self.started, self.on_line = log_path, started, on_line
        self.text, self.ended = "", False
        self.changed = threading.Condition()
        self.connection = None
        self.thread = threading.Thread(target=self._read, daemon=True)

    def accept(self):
        self.connection, _ = self.listener.accept()
        self.listener.close()
        self.thread.start()

    def _read(self):
        pending = b""
        with open(self.log_path, "a", encoding="utf-8") as log:
            while True:
                try:
                    data = self.connection.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    break
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    line = line.decode("utf-8", "replace").rstrip("\r")
                    log.write(f"{time.monotonic() - self.started:9.3f} {line}\n")
                    if self.on_line:
                        self.on_line(line)
                log.flush()
                # last, so that who waits for a marker finds it in the log and shown
                with self.changed:
                    self.text += data.decode("utf-8", "replace").replace("\r", "")
                    self.changed.notify_all()
            if pending:
                log.write(pending.decode("utf-8", "replace") + "\n")
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def send(self, text):
        self.connection.sendall(text.encode())

    def tail(self, count=TAIL_LINES):
        return "\n".join(self.text.splitlines()[-count:])

    def close(self):
        self.listener.close()
        if self.connection:
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.connection.close()


class Monitor:
    """QMP: commands in, answers and events out."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.listener.settimeout(30)
        self.answers = queue.Queue()
        self.events = []
        self.connection = None

    def accept(self):
        self.connection, _ = self.listener.accept()
        self.listener.close()
        threading.Thread(target=self._read, daemon=True).start()
        self.command("qmp_capabilities")

    def _read(self):
        with self.connection.makefile("r", encoding="utf-8") as stream:
            try:
                for line in stream:
                    message = json.loads(line)
                    if "event" in message:
                        self.events.append(message)
                    elif "return" in message or "error" in message:
                        self.answers.put(message)
            except (OSError, ValueError):
                pass
        self.answers.put({"error": {"desc": "QEMU closed its monitor"}})

    def command(self, name, timeout=120, **arguments):
        request = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        self.connection.sendall((json.dumps(request) + "\n").encode())
        try:
            answer = self.answers.get(timeout=timeout)
        except queue.Empty:
            raise BootError(f"monitor: no answer to {name} in {timeout} s") from None
        if "error" in answer:
            raise BootError(f"monitor: {name}: {answer['error']['desc']}")
        return answer["return"]

    def human(self, line, timeout=120):
        """A command of the human monitor; most of those that say anything have failed."""
        return self.command("human-monitor-command", timeout, **{"command-line": line})

    def shutdown_reason(self):
        reasons = [e["data"].get("reason") for e in self.events if e["event"] == "SHUTDOWN"]
        return reasons[-1] if reasons else None

    def close(self):
        self.listener.close()
        if self.connection:
            self.connection.close()


class VM:
    """One run of QEMU. Use as a context manager: on leaving, the process is gone."""

    def __init__(self, directory, image, kernel, *, name="vm", append="", disks=(), memory=1500,
                 cpus=2, nic="user,id=net0,model=virtio-net-pci", loadvm=None, extra=(),
                 on_line=None):
        self.directory = os.path.join(directory, name)
        os.makedirs(self.directory)
        self.name, self.loadvm = name, loadvm
        self.started = time.monotonic()
        self.console = Line(self._path("s0"), self._path("serial.log"), self.started, on_line)
        self.shell_line = Line(self._path("s1"), self._path("shell.log"), self.started)
        self.monitor = Monitor(self._path("qmp"))
        self.shell = Shell(self)
        self.argv = [QEMU, "-accel", "tcg,thread=single", "-cpu", "max", "-smp", str(cpus),
                     "-m", str(memory), "-display", "none", "-no-reboot",
                     "-chardev", f"socket,id=s0,path={self._path('s0')}", "-serial", "chardev:s0",
                     "-chardev", f"socket,id=s1,path={self._path('s1')}", "-serial", "chardev:s1",
                     "-chardev", f"socket,id=qmp,path={self._path('qmp')}",
                     "-mon", "chardev=qmp,mode=control",
                     "-nic", nic, "-device", "virtio-rng-pci"]
        if kernel:  # else the firmware boots from a disk
            self.argv += ["-kernel", kernel, "-initrd", image,
                          "-append", f"console=ttyS0 panic=-1 {append}".strip()]
        for index, disk in enumerate(disks):
            kind = "qcow2" if disk.endswith(".qcow2") else "raw"
            self.argv += ["-drive",
                          f"if=none,id=disk{index},format={kind},cache=unsafe,file={disk}",
                          "-device", f"virtio-blk-pci,drive=disk{index},id=data{index}"]
        self.argv += list(extra)
        if loadvm:
            self.argv += ["-loadvm", loadvm]
        self.process = None

    def _path(self, name):
        return os.path.join(self.directory, name)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(self._path("qemu.log"), "wb") as errors:
            errors.write((shlex.join(self.argv) + "\n").encode())
            errors.flush()
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors)
        try:
            for end in (self.console, self.shell_line, self.monitor):
                end.accept()
        except (socket.timeout, OSError):
            raise GuestDied("QEMU did not start:\n" + self._qemu_words()) from None
        return self

    def _qemu_words(self):
        with open(self._path("qemu.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        """End QEMU, by its process id, whatever state it is in."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for end in (self.console, self.shell_line, self.monitor):
            end.close()

    def report(self, text):
        """What went wrong, with the end of what the machine said."""
        return (f"{self.name}: {text}\n--- last lines of the serial line "
                f"({self._path('serial.log')}):\n{self.console.tail()}\n---")

    def position(self):
        return len(self.console.text)

    def wait_for(self, pattern, deadline, *, since=0, unless=(PANIC, FAILED_STEP), line=None):
        """Wait for a marker. Returns its match. `unless`: what excludes it."""
        line = line or self.console
        pattern = re.compile(pattern, re.M) if isinstance(pattern, str) else pattern
        end = time.monotonic() + deadline
        with line.changed:
            while True:
                # only in lines that are complete: the rest may still be on its way
                end_of_lines = len(line.text) if line.ended else line.text.rfind("\n") + 1
                match = pattern.search(line.text, since, end_of_lines)
                if match:
                    return match
                self._check_excluded(pattern, since, unless)
                if line.ended:
                    reason = self.monitor.shutdown_reason()
                    raise GuestDied(self.report(
                        f"the machine ended ({reason or 'QEMU died'}) before /{pattern.pattern}/\n"
                        + ("" if reason else self._qemu_words())))
                left = end - time.monotonic()
                if left <= 0:
                    raise Deadline(self.report(f"no /{pattern.pattern}/ within {deadline} s"))
                line.changed.wait(min(left, 1))

    def _check_excluded(self, pattern, since, unless):
        for other in unless:
            match = other.search(self.console.text, since)
            if match:
                kind = GuestPanic if other is PANIC else OtherMarker
                raise kind(self.report(f"saw '{match.group(0)}' before /{pattern.pattern}/"))

    def type_until(self, command, pattern, deadline, line=None):
        """Type a line at a shell that may not be there yet, again every few seconds, until what it
        prints is seen. The command must not contain what its output is known by, and better no
        quotes: of a line at which a shell starts it may get the end alone, and wait for the other
        quote ever after. A backslash within a word does for the first."""
        line = line or self.console
        since, end = len(line.text), time.monotonic() + deadline
        while True:
            # ctrl-u drops what an earlier try may have left unread
            line.send(f"\x15{command}\n")
            try:
                return self.wait_for(pattern, 5, since=since, line=line, unless=())
            except Deadline:
                if time.monotonic() > end:
                    raise Deadline(self.report(
                        f"no shell within {deadline} s; its line ends in {line.tail(5)!r}"
                    )) from None

    def wait_end(self, deadline):
        """Wait until the guest ended by itself. Returns QMP's reason: guest-shutdown is a
        power-off, guest-reset a restart (also the one after a panic)."""
        try:
            self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise Deadline(self.report(f"still running after {deadline} s")) from None
        self.console.thread.join(10)
        return self.monitor.shutdown_reason()

    def save(self, snapshot):
        said = self.monitor.human(f"savevm {snapshot}", 300)
        if said.strip():
            raise BootError(f"savevm: {said.strip()}")


class Shell:
    """The machine's own shell on the second serial line.

    Commands are run by a shell without a terminal of its own for output, so that neither a prompt
    nor line editing mixes with what they say. The markers are written in two pieces, so that an echo
    of the command is not taken for them: the line's echo is off, unless another shell put it back.
    """

    def __init__(self, vm):
        self.vm, self.ready, self.count = vm, False, 0

    def start(self, deadline=60):
        if self.ready:
            return
        self.vm.type_until(
            "busybox stty -echo -ixon; busybox sh -s 2>&1 | busybox cat\n"
            'echo SHELL\\-IS-READY', "SHELL-IS-READY\n", deadline, line=self.vm.shell_line)
        self.ready = True

    def run(self, command, timeout=90, *, status=0):
        """Run a command, return what it wrote. `status`: the exit status it must have, or None."""
        self.start()
        self.count += 1
        line, since = self.vm.shell_line, len(self.vm.shell_line.text)
        begin, end = f"COMMAND-{self.count}-BEGINS\n", rf"COMMAND-{self.count}-ENDED-(\d+)\n"
        line.send(f'{{ echo "COMMAND""-{self.count}-BEGINS"; {command}\n}} </dev/null; '
                  f'echo "COMMAND""-{self.count}-ENDED-$?"\n')
        match = self.vm.wait_for(end, timeout, since=since, line=line, unless=(PANIC,))
        output = line.text[line.text.index(begin, since) + len(begin):match.start()]
        if status is not None and int(match.group(1)) != status:
            raise BootError(self.vm.report(
                f"`{command}` ended with {match.group(1)}, not {status}: {output}"))
        return output

    def type(self, command):
        """Type a line that will not come back, such as poweroff, where a user would: at the
        interactive shell below ours."""
        self.start()
        self.vm.shell_line.send("exit\n")
        self.ready = False
        # what is typed while one shell goes and the other takes the line may be lost
        self.vm.type_until('echo OUTER\\-SHELL', "OUTER-SHELL$", 60, line=self.vm.shell_line)
        self.vm.shell_line.send(f"{command}\n")


def boot(make_vm, deadline=240):
    """Start a machine and wait for init's first line. A machine that dies before it is started
    once more, loudly: emulation of self-patching kernels is known to crash now and then."""
    for attempt in (1, 2):
        vm = make_vm(attempt)
        try:
            vm.start()
            vm.wait_for(INIT_LINE, deadline, unless=(PANIC,))
            return vm
        except (GuestPanic, GuestDied) as error:
            vm.stop()
            if attempt == 2:
                raise
            print(f"\n*** RETRY: the machine died before init's first line; once more.\n{error}",
                  file=sys.stderr, flush=True)
        except BaseException:
            vm.stop()
            raise
    raise AssertionError("not reached")


def require(*tools):
    """Tools that a test cannot do without: status 77 means skipped."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        print(f"skipped: not installed: {' '.join(missing)}")
        sys.exit(77)
