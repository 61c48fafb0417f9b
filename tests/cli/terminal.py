# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own: type, and wait for what it says."""
import os
import pty
import re
import select
import signal
import time


class Terminal:
    """Ends its program when it is closed."""

    def __init__(self, argv, environment, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(folder)
                os.execvpe(argv[0], argv, environment)
            finally:
                os._exit(127)
        self.text, self.all, self.ended = "", "", False

    def send(self, text):
        os.write(self.fd, text.encode())

    def drain(self, seconds):
        """Read what is there, waiting that long at most."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready or self.ended:
            return
        try:
            data = os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:  # EIO: nobody has the terminal open any more
            data = ""
        self.ended = not data
        self.text += data
        self.all += data

    def read(self, until, seconds=60):
        """Read on until a pattern is in what came since the last call."""
        end = time.monotonic() + seconds
        while True:
            match = re.search(until, self.text, re.M)
            if match:
                self.text = self.text[match.end():]
                return match
            if self.ended or time.monotonic() > end:
                raise AssertionError(f"no /{until}/ {'before it ended' if self.ended else ''}"
                                     f" in: {self.all[-6000:]}")
            self.drain(1)

    def wait(self, seconds=60):
        """Wait until the program ends by itself. Return: its exit status"""
        end = time.monotonic() + seconds
        while not self.ended and time.monotonic() < end:
            self.drain(1)
        if not self.ended:
            raise AssertionError(f"still running: {self.all[-2000:]}")
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def close(self):
        os.close(self.fd)
        if not self.pid:
            return
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            os.kill(self.pid, number)
            for _ in range(50):
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    return
                time.sleep(0.02)
        os.waitpid(self.pid, 0)
