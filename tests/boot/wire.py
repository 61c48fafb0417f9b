# SPDX-License-Identifier: Apache-2.0
"""The other end of a network card: one segment with a router, a DHCP server and an NTP server on it.

In:    frames of a card, through a stream netdev of QEMU: four bytes of length, then the frame
Out:   answers to ARP, ping, neighbour solicitations, DHCP (when `dhcp` is set) and NTP (when
       `ntp_time` is set); router advertisements when `prefix` is set; what was asked, in `seen`
Facts: RFC 826, 792, 2131, 2132, 4330, 4861, 8106; QEMU's invocation page, -netdev stream
"""
import ipaddress
import os
import socket
import struct
import threading
import time

MAC = bytes.fromhex("525400ffff01")
ALL_NODES = ipaddress.IPv6Address("ff02::1")
NTP_1970 = 2208988800


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


class Wire:
    """What the machine on it sees: 192.0.NET.1 and fe80::1 is the router and every server."""

    def __init__(self, directory, net, card):
        self.net, self.card = net, card
        self.router, self.offer = f"192.0.{net}.1", f"192.0.{net}.10"
        self.router6 = ipaddress.IPv6Address("fe80::1")
        self.dhcp, self.lease_seconds, self.options = False, 600, {}
        self.ntp_time, self.ntp_set_at = None, 0
        self.prefix, self.rdnss = None, "2001:db8::53"
        self.seen, self.changed = [], threading.Condition()
        self.path = os.path.join(directory, f"wire-{net}")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.connection = None
        threading.Thread(target=self._run, daemon=True).start()

    def arguments(self):
        """QEMU's arguments for the card at this wire."""
        return ["-netdev", f"stream,id=wire{self.net},server=off,addr.type=unix,"
                           f"addr.path={self.path}",
                "-device", f"virtio-net-pci,id=card{self.net},netdev=wire{self.net},"
                           f"mac={self.card}"]

    def plug(self, monitor):
        """Put a card with this wire into a machine that runs."""
        monitor.command("netdev_add", type="stream", id=f"wire{self.net}", server=False,
                        addr={"type": "unix", "path": self.path})
        monitor.command("device_add", driver="virtio-net-pci", id=f"card{self.net}",
                        netdev=f"wire{self.net}", mac=self.card)

    def close(self):
        self.listener.close()
        if self.connection:
            self.connection.close()

    def count(self, what):
        with self.changed:
            return self.seen.count(what)

    def wait(self, what, count, deadline):
        """Until @what was asked @count times in all; whether it was in time."""
        end = time.monotonic() + deadline
        with self.changed:
            while self.seen.count(what) < count:
                if not self.changed.wait(max(0, end - time.monotonic())):
                    return False
        return True

    def _see(self, what):
        with self.changed:
            self.seen.append(what)
            self.changed.notify_all()

    # ---- frames

    def _run(self):
        try:
            self.connection, _ = self.listener.accept()
            with self.connection.makefile("rb") as stream:
                while True:
                    header = stream.read(4)
                    if len(header) < 4:
                        return
                    self._frame(stream.read(struct.unpack("!I", header)[0]))
        except OSError:
            pass

    def send(self, target, kind, payload):
        frame = (target + MAC + struct.pack("!H", kind) + payload).ljust(60, b"\0")
        try:
            self.connection.sendall(struct.pack("!I", len(frame)) + frame)
        except OSError:
            pass

    def _frame(self, frame):
        source, kind, payload = frame[6:12], struct.unpack("!H", frame[12:14])[0], frame[14:]
        if kind == 0x0806 and payload[6:8] == b"\0\1" and payload[24:28] == packed(self.router):
            self.send(source, 0x0806, payload[:6] + b"\0\2" + MAC + payload[24:28] + source
                      + payload[14:18])
        elif kind == 0x0800:
            self._ip(source, payload)
        elif kind == 0x86dd and payload[6] == 58:
            self._icmp6(source, payload)

    # ---- IPv4

    def _ip(self, source, packet):
        size = (packet[0] & 15) * 4
        body = packet[size:struct.unpack("!H", packet[2:4])[0]]
        if packet[9] == 1 and body[0] == 8:
            reply = b"\0\0\0\0" + body[4:]
            reply = b"\0\0" + struct.pack("!H", checksum(reply)) + body[4:]
            self._see("ping")
            self._send_ip(source, packet[12:16], 1, reply, packet[16:20])
        elif packet[9] == 17:
            source_port, port = struct.unpack("!HH", body[:4])
            if port == 67 and self.dhcp:
                self._dhcp(source, body[8:])
            elif port == 123 and self.ntp_time is not None:
                self._ntp(source, packet[12:16], source_port, body[8:], packet[16:20])

    def _send_ip(self, mac, target, protocol, body, own=None):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0,
                             own or packed(self.router), target)
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        self.send(mac, 0x0800, header + body)

    def _send_udp(self, mac, target, ports, body, own=None):
        self._send_ip(mac, target, 17, struct.pack("!HHHH", *ports, 8 + len(body), 0) + body, own)

    def _dhcp(self, mac, message):
        options, at = {}, 240
        while at < len(message) and message[at] != 255:
            if message[at] == 0:
                at += 1
                continue
            options[message[at]] = message[at + 2:at + 2 + message[at + 1]]
            at += 2 + message[at + 1]
        kind = options[53][0]
        if kind not in (1, 3):
            return
        self._see({1: "discover", 3: "renew" if message[12:16] != b"\0\0\0\0" else "request"}[kind])
        answer = {53: bytes([2 if kind == 1 else 5]), 54: packed(self.router),
                  51: struct.pack("!I", self.lease_seconds), 1: b"\xff\xff\xff\0",
                  3: packed(self.router), 6: packed(self.router), **self.options}
        body = struct.pack("!BBBB", 2, 1, 6, 0) + message[4:8] + bytes(4) + message[12:16]
        body += packed(self.offer) + packed(self.router) + bytes(4) + message[28:236]
        body += b"\x63\x82\x53\x63"
        for code, value in answer.items():
            body += bytes([code, len(value)]) + value
        self._send_udp(mac, packed(self.offer), (67, 68), body + b"\xff")

    def _ntp(self, mac, target, port, question, own):
        self._see("ntp")
        now = self.ntp_time + time.monotonic() - self.ntp_set_at
        stamp = struct.pack("!II", (int(now) + NTP_1970) % 2**32, int(now % 1 * 2**32))
        self._send_udp(mac, target, (123, port), bytes([0x24, 2, 6, 0xec]) + bytes(8) + b"TEST"
                       + stamp + question[40:48] + stamp + stamp, own)

    def set_ntp(self, seconds):
        self.ntp_set_at, self.ntp_time = time.monotonic(), seconds

    # ---- IPv6

    def _send_icmp6(self, mac, target, body):
        pseudo = self.router6.packed + target + struct.pack("!II", len(body), 58)
        body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
        header = struct.pack("!IHBB", 6 << 28, len(body), 58, 255)
        self.send(mac, 0x86dd, header + self.router6.packed + target + body)

    def _icmp6(self, source, packet):
        body = packet[40:]
        if body[0] == 133 and self.prefix:
            self._see("router solicitation")
            self.advertise()
        elif body[0] == 135 and body[8:24] == self.router6.packed:
            self._send_icmp6(source, packet[8:24], bytes([136, 0, 0, 0, 0xe0, 0, 0, 0])
                             + self.router6.packed + b"\2\1" + MAC)

    def advertise(self):
        """A router advertisement to all: this router, `prefix`/64, `rdnss`."""
        body = bytes([134, 0, 0, 0, 64, 0]) + struct.pack("!HII", 1800, 0, 0)
        body += b"\1\1" + MAC
        body += struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + packed(self.prefix)
        body += struct.pack("!BBHI", 25, 3, 0, 1800) + packed(self.rdnss)
        self._send_icmp6(bytes.fromhex("333300000001"), ALL_NODES.packed, body)
