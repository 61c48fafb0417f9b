# SPDX-License-Identifier: Apache-2.0
"""How long does the only-docker image take, beside what cannot be avoided and beside others?

What no builder gets around is to compress the payload, hash it, and unpack it once to verify: zstd,
sha256sum and zstd -t on the same raw archive.
"""
import os

import measure
import payload


def run(options, folder):
    image, raw = os.path.join(folder, "a.img"), os.path.join(folder, "raw.cpio")
    build = [options.program, "-p", "only-docker", "--layout", "cpio", "-o", image]
    measure.measure(build)
    manifest = payload.unpack(image, raw)
    files, modules = payload.of(manifest)
    release = manifest["release"]
    text = [f"payload: {len(files)} files, {len(modules)} modules, kernel {release}; "
            f"raw {os.path.getsize(raw) / 1e6:.1f} MB, packed {os.path.getsize(image) / 1e6:.1f} MB"]
    costs = measure.best({
        "mkinitrd": build,
        "zstd -3 -T2": ["zstd", "-3", "-T2", "-qf", raw, "-o", os.path.join(folder, "raw.zst")],
        "sha256sum": ["sha256sum", raw],
        "zstd -t": ["zstd", "-tq", image],
    }, options.rounds)
    others = {
        "mkinitramfs": payload.mkinitramfs(os.path.join(folder, "m"), release, files=files,
                                           modules=modules),
        "dracut": payload.dracut(os.path.join(folder, "d"), release, files, modules),
        "dracut, zstd -3 -T2": payload.dracut(os.path.join(folder, "e"), release, files, modules,
                                              more=["--compress", "zstd -3 -T2 -q"]),
    }
    # slow, and far away: fewer rounds, with ours among them again
    more = measure.best({"mkinitrd": build, **others}, min(options.rounds, 2))
    ours = costs["mkinitrd"] = costs["mkinitrd"].least(more.pop("mkinitrd"))
    costs |= more
    text.append(measure.table(costs, options.rounds))
    text += [payload.describe(name, argv[-2], files, modules)
             for name, argv in others.items()]
    least = sum(costs[name].cpu for name in ("zstd -3 -T2", "sha256sum", "zstd -t"))
    return text, [
        measure.at_most("only-docker, verified: user+sys, to zstd + sha256sum + zstd -t",
                        ours.cpu / least, 1.2),
        measure.at_most("the same: wall, to zstd -3 -T2", ours.wall / costs["zstd -3 -T2"].wall,
                        1.6),
        measure.at_least("the same: mkinitramfs takes longer, wall",
                         costs["mkinitramfs"].wall / ours.wall, 6),
        measure.at_least("the same: dracut takes longer, wall", costs["dracut"].wall / ours.wall,
                         18),
        measure.at_least("the same: dracut told to use zstd -3 -T2",
                         costs["dracut, zstd -3 -T2"].wall / ours.wall, 18),
    ]
