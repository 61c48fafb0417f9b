# SPDX-License-Identifier: Apache-2.0
"""How long does dockerlaunch take until dockerd runs, beside a shell script that does the same?

Both start in the same bare root, in new namespaces each time; the clock runs from the exec of one of
them to the first instruction of what they become.
"""
import os
import subprocess
import sys

import measure

sys.path.insert(0, os.path.join(measure.SOURCE, "tests", "cli"))
# pylint: disable=wrong-import-position
import places  # noqa: E402

# notes the time, then becomes what it is told to, if anything
STAMP = r"""
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
	fflush(stdout);
	if (argc > 1)
		execv(argv[1], argv + 1);
	return argc > 1;
}
"""
ROUNDS = 4  # for each of the benchmark's: one takes milliseconds


def seconds(folder, number, words):
    place = places.Place(os.path.join(folder, str(number)))
    subprocess.run(["cc", "-O2", "-static", "-x", "c", "-", "-o", place / "opt/stamp"],
                   input=STAMP.encode(), check=True, timeout=60)
    with open(os.path.join(measure.SOURCE, "tests", "bench", "shell-launch"),
              encoding="utf-8") as file:
        place.file("opt/shell-launch", file.read(), 0o755)
    done = place.run(enter="exec chroot . /opt/stamp " + " ".join(words))
    if done.status or len(done.stdout.split()) != 2:
        sys.exit(f"bench: {words[0]}: status {done.status}\n{done.stdout}{done.stderr}")
    start, end = (int(word) for word in done.stdout.split())
    return (end - start) / 1e9


def run(options, folder):
    if os.geteuid() != 0:
        sys.exit("bench: launch needs root, for namespaces")
    program = os.path.join(os.path.dirname(os.path.abspath(options.program)), "dockerlaunch")
    places.LAUNCH = program
    ways = {"dockerlaunch": ["/dockerlaunch", "-q", "/opt/stamp"],
            "shell-launch": ["/opt/shell-launch", "/opt/stamp"]}
    best = {name: float("inf") for name in ways}
    for number in range(options.rounds * ROUNDS):
        for name, words in ways.items():
            best[name] = min(best[name], seconds(folder, f"{name}-{number}", words))
    text = [f"{name}: {took * 1000:.1f} ms" for name, took in best.items()]
    return text, [measure.at_most("dockerlaunch to exec, to a POSIX shell script",
                                  best["dockerlaunch"] / best["shell-launch"], 0.2)]
