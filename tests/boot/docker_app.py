# SPDX-License-Identifier: Apache-2.0
"""An application as a container image, which tells how it was started.

In:    a real engine (dockerd.py), or nothing: the same image as an archive made by hand
Out:   the image app:1
"""
import os

# what it prints is compared with what it prints as a machine
SAY = """\
#!/bin/sh
trap 'echo "STOPPED by USR1"; sync; exit 7' USR1
echo "ARGS $# $2"
echo "ID $(id)"
echo "CWD $PWD"
env | sort | sed 's/^/ENV /'
echo "DATA $(cat /data/seed) $(ls -ld /data | awk '{ print $1, $3, $4 }')"
echo "$(cat /data/seed) again" >/data/seed
while [ "$2" = stay ]; do sleep 1; done
"""
DOCKERFILE = """\
FROM busybox:test
RUN mkdir -p /etc /data /home && \\
    printf 'root:x:0:0::/root:/bin/sh\\napp:x:1000:1000::/home/app:/bin/sh\\n' >/etc/passwd && \\
    printf 'root:x:0:\\napp:x:1000:\\ndial:x:20:app\\n' >/etc/group && \\
    echo first >/data/seed && chown -R app:app /data && chmod 0750 /data
ENV PATH=/opt/bin:/bin GREETING="a b" PRICE="\\$5"
COPY --chown=app:app home /home/app
COPY say /opt/bin/say
WORKDIR /home/app
USER app
EXPOSE 80 53/udp
VOLUME /data
STOPSIGNAL SIGUSR1
ENTRYPOINT ["say", "-v"]
CMD ["one"]
"""


def build(engine, context, name="app:1"):
    """`docker build` of it, from a base that needs no registry."""
    engine.busybox()
    os.makedirs(os.path.join(context, "home"))
    for path, text, mode in (("Dockerfile", DOCKERFILE, 0o644), ("say", SAY, 0o755),
                             ("home/mark", "home of app\n", 0o644)):
        with open(os.path.join(context, path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(os.path.join(context, path), mode)
    engine.docker("build", "-q", "-t", name, context)
    return name
