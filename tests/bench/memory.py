# SPDX-License-Identifier: Apache-2.0
"""How much memory does a build take, and does it grow with the payload?"""
import os

import measure

SIZES = (0, 250, 1000, 2000)  # MB beside only-docker
PROFILE = """include: [only-docker]
files: {{ /opt/payload: {{ from: ./payload-{size} }} }}
"""


def fill(path, megabytes):
    """Bytes that compress a little, as programs do: half of each block is random."""
    with open(path, "wb") as file:
        for number in range(megabytes):
            file.write(os.urandom(500_000) + number.to_bytes(4, "big") * 125_000)


def run(options, folder):
    peaks = {}
    for size in SIZES:
        fill(os.path.join(folder, f"payload-{size}"), size)
        profile = os.path.join(folder, f"grow-{size}.yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(PROFILE.format(size=size))
        # what the bench is for must not depend on the machine's number of CPUs
        peaks[size] = measure.measure([options.program, "-p", profile, "--layout", "cpio", "-c",
                                       "zstd:3", "-j", "2", "-o",
                                       os.path.join(folder, "grow.img")]).memory / 1e6
        os.unlink(os.path.join(folder, f"payload-{size}"))
    text = [f"only-docker and {size} MB more: peak {peak:.0f} MB" for size, peak in peaks.items()]
    # from where no buffer stays half empty
    growth = peaks[SIZES[-1]] / peaks[SIZES[1]]
    return text, [
        measure.at_most("peak memory of a build, cpio zstd:3", max(peaks.values()), 150, "MB"),
        measure.at_most(f"the same: {SIZES[-1]} MB more payload to {SIZES[1]} MB more (flat)", growth,
                        1.1)]
