#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - start the ISO beside this folder in QEMU, with a disk for Docker
set -eu

usage() {
	cat <<'END'
usage: run.sh [OPTION...] [-- QEMU-ARGUMENT...]

Starts the machine in this terminal, its first serial line; ctrl-a x ends it.
The first run copies docker.img to disk.img and enlarges that, with holes; all
that Docker keeps is on it. Remove disk.img, and the next run begins anew.

  --memory SIZE      of the machine: 1024M, 2G (default: 1G)
  --cpus N           of the machine (default: 2)
  --disk FILE        another disk (default: disk.img beside this script)
  --disk-size SIZE   of a disk that is made: 4G, 1T (default: 20G)
  --port HOST:GUEST  a port of this computer, 127.0.0.1, that leads to the
                     machine's; ADDRESS:HOST:GUEST for another address. Again
                     for more
  --display NAME     a screen, too: gtk, sdl, vnc=:0 (default: none)
  --print            print the command, and neither make nor start anything
  --help             show this

Environment: QEMU, the program (default: qemu-system-x86_64); what the options
say when they are not given: MEMORY, CPUS, DISK, DISK_SIZE, DISPLAY_NAME; and
PORTS, words as for --port.
END
}

fail() {
	echo "run.sh: $*" >&2
	exit 1
}

wrong() {
	echo "run.sh: $*; see run.sh --help" >&2
	exit 2
}

# $1: a size such as 1024M; its MiB on stdout
mebibytes() {
	digits=${1%[MGT]}
	case $digits in
	'' | 0* | *[!0-9]*) return 1 ;;
	esac
	[ ${#digits} -le 9 ] || return 1
	case $1 in
	*M) echo "$digits" ;;
	*G) echo "$((digits * 1024))" ;;
	*T) echo "$((digits * 1024 * 1024))" ;;
	*) return 1 ;;
	esac
}

# a comma in a value of QEMU's options is written twice
doubled() {
	printf '%s\n' "$1" | sed 's/,/,,/g'
}

# $1: [ADDRESS:]HOST:GUEST; a port forward for -nic on stdout
forward() {
	guest=${1##*:}
	rest=${1%:*}
	host=${rest##*:}
	address=${rest%"$host"}
	address=${address%:}
	case $1 in
	*[!0-9.:]* | *:*:*:*) return 1 ;;
	*:*) ;;
	*) return 1 ;;
	esac
	[ -n "$host" ] && [ -n "$guest" ] || return 1
	echo ",hostfwd=tcp:${address:-127.0.0.1}:$host-:$guest"
}

# the words as a shell takes them
show() {
	line=
	for word in "$@"; do
		case $word in
		'' | *[!a-zA-Z0-9_./,=:+@%-]*)
			word="'$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")'"
			;;
		esac
		line="$line${line:+ }$word"
	done
	printf '%s\n' "$line"
}

# the one ISO that lies in the folder above
find_iso() {
	set -- "$top"/*.iso
	[ $# = 1 ] || fail "there are $# ISO files in '$top', and one is to be started"
	[ -r "$1" ] || fail "there is no ISO in '$top' that can be read; unpack the archive again"
	iso=$1
}

# $1: what the disk is to be. Under another name until it is whole
make_disk() {
	[ -r "$folder/docker.img" ] ||
		fail "there is no '$folder/docker.img' to make the disk of; unpack the archive again"
	least=$((($(wc -c <"$folder/docker.img") + 1048575) / 1048576))
	[ "$size" -ge "$least" ] || wrong "--disk-size is to be ${least}M or more"
	new=$1.$$.new
	trap 'rm -f "$new"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	if ! { cp "$folder/docker.img" "$new" && chmod 0600 "$new" &&
		dd if=/dev/null of="$new" bs=1048576 seek="$size" count=0 2>/dev/null &&
		mv "$new" "$1"; }; then
		fail "cannot make the disk '$1'; say another place with --disk FILE"
	fi
	trap - EXIT INT TERM HUP
	echo "run.sh: made disk '$1', ${size}M of which little is used yet" >&2
}

folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(dirname -- "$folder")
qemu=${QEMU:-qemu-system-x86_64}
memory=${MEMORY:-1G}
cpus=${CPUS:-2}
disk=${DISK:-$folder/disk.img}
size=${DISK_SIZE:-20G}
display=${DISPLAY_NAME:-none}
ports=${PORTS:-}
print=

while [ $# -gt 0 ]; do
	option=$1
	shift
	case $option in
	--) break ;;
	-h | --help)
		usage
		exit 0
		;;
	--print)
		print=1
		continue
		;;
	--*=*)
		value=${option#*=}
		option=${option%%=*}
		;;
	--memory | --cpus | --disk | --disk-size | --port | --display)
		[ $# -gt 0 ] || wrong "$option needs a value"
		value=$1
		shift
		;;
	*) wrong "'$option' is not known" ;;
	esac
	case $option in
	--memory) memory=$value ;;
	--cpus) cpus=$value ;;
	--disk) disk=$value ;;
	--disk-size) size=$value ;;
	--port) ports="$ports $value" ;;
	--display) display=$value ;;
	*) wrong "'$option' is not known, or takes no value" ;;
	esac
done

mib=$(mebibytes "$memory") || wrong "--memory '$memory' is no size such as 1024M or 2G"
size=$(mebibytes "$size") || wrong "--disk-size '$size' is no size such as 4G"
case $cpus in
'' | 0* | *[!0-9]*) wrong "--cpus '$cpus' is no number" ;;
esac
nic=user,model=virtio-net-pci
for port in $ports; do
	more=$(forward "$port") || wrong "--port '$port' is not HOST:GUEST, such as 8080:80"
	nic=$nic$more
done
find_iso
# emulation with a thread for each CPU hangs now and then: QEMU keeps the translation of code that
# the kernel patches meanwhile
acceleration=tcg,thread=single
cpu=max
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	acceleration=kvm
	cpu=host
fi
set -- "$qemu" -accel "$acceleration" -cpu "$cpu" -smp "$cpus" -m "${mib}M" \
	-display "$display" -serial mon:stdio -boot d \
	-drive "media=cdrom,format=raw,readonly=on,file=$(doubled "$iso")" \
	-drive "if=virtio,format=raw,discard=unmap,file=$(doubled "$disk")" \
	-nic "$nic" -device virtio-rng-pci "$@"
if [ -n "$print" ]; then
	show "$@"
	exit 0
fi
command -v "$qemu" >/dev/null ||
	fail "cannot find '$qemu'; install QEMU for x86-64 (Debian, Ubuntu: qemu-system-x86;" \
		"Fedora: qemu-system-x86; Arch: qemu-system-x86)"
[ "$acceleration" = kvm ] ||
	echo "run.sh: /dev/kvm cannot be used: the machine is emulated, and slow" >&2
[ -e "$disk" ] || make_disk "$disk"
exec "$@"
