# SPDX-License-Identifier: Apache-2.0
"""What benchmarks share: commands timed in turn, and rows that stand beside a target.

Facts: the best of several rounds, all sides in turn, so that another load hits each of them. Times
       of different machines say nothing; ratios of one run do.
"""
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENVIRONMENT = dict(os.environ, LC_ALL="C", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
TIMEOUT = 1800


@dataclass
class Cost:
    wall: float = float("inf")  # seconds
    cpu: float = float("inf")   # user+sys seconds, with all children
    memory: int = 0             # largest resident set of one process, bytes

    def least(self, other):
        return Cost(min(self.wall, other.wall), min(self.cpu, other.cpu),
                    max(self.memory, other.memory))


@dataclass
class Row:
    """One line of the table: what was measured, the target, the number, whether it holds."""
    what: str
    target: str
    measured: str
    holds: bool | None = None  # None: there is no target yet


def at_most(what, number, limit, unit="x"):
    return Row(what, f"≤ {limit:g} {unit}", f"{number:.2f} {unit}", number <= limit)


def at_least(what, number, limit, unit="x"):
    return Row(what, f"≥ {limit:g} {unit}", f"{number:.1f} {unit}", number >= limit)


def measure(argv, status=(0,)):
    """The Cost of a command and its children; another exit status ends the benchmark."""
    if not shutil.which(argv[0], path=ENVIRONMENT["PATH"]):
        sys.exit(f"bench: '{argv[0]}' is not installed")
    start = time.monotonic()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=ENVIRONMENT) as child:
        words = child.stderr.read().decode("utf-8", "replace")
        _, ended, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(ended)
    if child.returncode not in status:
        sys.exit(f"bench: {' '.join(argv[:3])}: status {child.returncode}\n{words[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def best(commands, rounds):
    """Each command in turn, @rounds times; the best Cost of each by name."""
    costs = {name: Cost() for name in commands}
    for number in range(rounds):
        for name, argv in commands.items():
            costs[name] = costs[name].least(measure(argv))
        print(f"bench: round {number + 1} of {rounds}: {', '.join(commands)}", file=sys.stderr)
    return costs


def table(costs, rounds):
    """The absolute numbers, for whoever wants to see what the ratios come from."""
    lines = [f"{f'best of {rounds}':28} wall s  user+sys s  peak MB"]
    for name, cost in costs.items():
        lines.append(f"{name:28} {cost.wall:6.2f} {cost.cpu:11.2f} {cost.memory / 1e6:8.0f}")
    return "\n".join(lines)
