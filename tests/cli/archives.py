# SPDX-License-Identifier: Apache-2.0
"""Archives of roots: tars as docker export writes them, archives of docker save, OCI layouts.

In:    members of a tar: what member() gives, a list for each layer
Out:   files and folders
Facts: Docker Image Specification v1.2; OCI image-spec, image-layout.md and layer.md
"""
import gzip
import hashlib
import io
import json
import os
import tarfile


def member(name, kind=tarfile.REGTYPE, content=b"", **more):
    """An entry of a tar, and its content."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = more.pop("mode", 0o755 if kind == tarfile.DIRTYPE else 0o644)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def tar(path, members, mode="w", form=tarfile.PAX_FORMAT):
    with tarfile.open(path, mode, format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def tar_bytes(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def saved(layers, tag="app:latest", compress=False, break_at=None, **more):
    """An archive of 'docker save', as Docker writes it. @more: of its configuration."""
    layers = [tar_bytes(layer) for layer in layers]
    config = json.dumps({"architecture": "amd64", "os": "linux", **more, "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + digest(layer) for layer in layers]}}).encode()
    paths = [digest(layer) + "/layer.tar" for layer in layers]
    if compress:
        layers = [gzip.compress(layer, mtime=0) for layer in layers]
    if break_at is not None:
        layers[break_at] = layers[break_at][:-1024] + b"\1" + layers[break_at][-1023:]
    listed = [{"Config": digest(config) + ".json", "RepoTags": [tag], "Layers": paths}]
    members = [member(digest(config) + ".json", content=config)]
    for path, layer in zip(paths, layers):
        members += [member(path.split("/")[0], tarfile.DIRTYPE), member(path, content=layer)]
    return members + [member("manifest.json", content=json.dumps(listed).encode())]


def joined(*archives):
    """Archives of saved() as one, as 'docker save A B' writes it."""
    lists = [json.loads(archive[-1][1]) for archive in archives]
    members = {info.name: (info, content) for archive in archives for info, content in archive[:-1]}
    return [*members.values(),
            member("manifest.json", content=json.dumps(sum(lists, [])).encode())]


def layout(folder, layers, architecture="amd64", name="app:latest", **more):
    """An OCI layout as a folder. @more: what is to be wrong with it."""
    os.makedirs(folder + "/blobs/sha256")

    def blob(content, wrong=False):
        path = digest(content)
        with open(f"{folder}/blobs/sha256/{path}", "wb") as file:
            file.write(content + (b" " if wrong else b""))
        return {"digest": "sha256:" + path, "size": len(content)}

    unpacked = [tar_bytes(layer) for layer in layers]
    config = blob(json.dumps({**more.get("settings", {}), "rootfs": {"type": "layers", "diff_ids": [
        "sha256:" + digest(layer) for layer in unpacked]}}).encode(), more.get("config", False))
    blobs = [blob(gzip.compress(layer, mtime=0), more.get("layer", False)) for layer in unpacked]
    manifest = blob(json.dumps({"schemaVersion": 2, "config": config,
                                "layers": blobs}).encode(), more.get("manifest", False))
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    inner = blob(json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())
    inner["annotations"] = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "manifests": [inner] * more.get("copies", 1)}
    with open(folder + "/index.json", "w", encoding="utf-8") as file:
        json.dump(index, file)
    with open(folder + "/oci-layout", "w", encoding="utf-8") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    return folder
