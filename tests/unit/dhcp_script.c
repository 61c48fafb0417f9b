/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp_script.c - a real client and a real server, with our script between client and kernel
 *
 * Two network namespaces with a veth pair: busybox udhcpd in one, busybox udhcpc in the other. The
 * program is its own script. A mount namespace has an /etc/resolv.conf and a /run of its own, where
 * the test takes the messages for the helper. Exit 77 where namespaces or tools are not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "init/lib/file.h"
#include "init/machine.h"

#define SKIPPED 77
#define MESSAGE "network bound client 192.0.2.10/24 192.0.2.1 192.0.2.1,192.0.2.2 192.0.2.3"

/* both halves of the test stand in /run of the namespace */
#define SERVER_CONFIG "/run/udhcpd.conf"
#define SERVER_OPTIONS                                                                     \
	"start 192.0.2.10\nend 192.0.2.10\ninterface server\nlease_file /run/leases\n"     \
	"pidfile /run/udhcpd.pid\nopt dns 192.0.2.1 192.0.2.2\nopt subnet 255.255.255.0\n" \
	"opt domain example.org\nopt lease 600\nopt ntpsrv 192.0.2.3\n"

static char self[4096], server_name[16]; /* the server is named by the pid of its namespace */

static pid_t start(const char *const *words)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		union {
			const char *const *constant;
			char *const *plain;
		} arguments = { .constant = words };

		(void)execvp(words[0], arguments.plain);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static int run(const char *const *words)
{
	int status = -1;

	if (waitpid(start(words), &status, 0) < 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })
#define START(...) start((const char *const[]){ __VA_ARGS__, NULL })

static void end(pid_t pid, int signal_number)
{
	(void)kill(pid, signal_number);
	(void)waitpid(pid, NULL, 0);
}

static void stop(pid_t pid)
{
	end(pid, SIGKILL);
}

/* what a command prints */
static void output(struct text *text, const char *const *words)
{
	int ends[2], copy;

	text_clear(text);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	pid_t pid = start(words);
	assert_int_equal(dup2(copy, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(copy);
	(void)close(ends[1]);
	assert_int_equal(file_read_fd(ends[0], 65536, text), 0);
	(void)close(ends[0]);
	(void)waitpid(pid, NULL, 0);
}

#define OUTPUT(text, ...) output(text, (const char *const[]){ __VA_ARGS__, NULL })

static void namespaces_leave(pid_t pid)
{
	stop(pid);
	(void)umount2("/etc/resolv.conf", MNT_DETACH);
	(void)umount2("/run", MNT_DETACH);
}

/* a namespace for the client and this program; the server's is that of a child that sleeps */
static pid_t namespaces_make(void)
{
	int ready[2];
	char byte = 0, server_pid[16];
	pid_t pid;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return -1;
	/* in a chroot "/" is no mount point and cannot be made private: namespaces_leave() takes
	 * the mounts away in any case */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		assert_int_equal(errno, EINVAL);
	assert_int_equal(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir(RUN_DIRECTORY, 0755), 0);
	assert_int_equal(file_write(AT_FDCWD, "/run/resolv.conf", "# the old one\n", 0644), 0);
	assert_int_equal(mount("/run/resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		byte = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
		(void)!write(ready[1], &byte, 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 1);
	(void)close(ready[0]);
	(void)close(ready[1]);

	(void)snprintf(server_pid, sizeof(server_pid), "%d", pid);
	if (RUN("ip", "link", "add", "client", "type", "veth", "peer", "name", "server", "netns",
		server_pid) != 0) {
		namespaces_leave(pid);
		return -1;
	}
	return pid;
}

#define IN_SERVER(pid) "nsenter", "-t", pid, "-n"

static pid_t server_start(const char *pid, const char *more)
{
	CLEANUP(text_free) struct text config = TEXT_EMPTY;

	text_format(&config, SERVER_OPTIONS "%s", more);
	assert_int_equal(file_write(AT_FDCWD, SERVER_CONFIG, text_string(&config), 0644), 0);
	return START(IN_SERVER(pid), "busybox", "udhcpd", "-f", SERVER_CONFIG);
}

/* the helper's side of the control socket: one message, answered */
static void message_take(int listen_fd, char *message, size_t size)
{
	CLEANUP(fd_close) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	ssize_t count = recv(fd, message, size - 1, 0);

	assert_true(count > 0);
	message[count] = '\0';
	assert_int_equal(send(fd, "ok", 2, MSG_NOSIGNAL), 2);
}

static int control_listen(void)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = CONTROL_PATH };
	const struct timeval patience = { .tv_sec = 30 };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void check_state(const char *address, const char *routes, const char *resolv_conf)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	OUTPUT(&text, "ip", "-4", "-o", "addr", "show", "dev", "client");
	print_message("%s", text_string(&text));
	if (address)
		assert_non_null(strstr(text_string(&text), address));
	else
		assert_int_equal(text.length, 0);
	OUTPUT(&text, "ip", "-4", "route", "show", "default");
	print_message("%s", text_string(&text));
	assert_string_equal(text_string(&text), routes);
	text_clear(&text);
	assert_int_equal(file_read(AT_FDCWD, "/run/resolv.conf", 4096, &text), 0);
	assert_string_equal(text_string(&text), resolv_conf);
}

static void lease_is_applied_and_renewed(void **state UNUSED)
{
	const char *server = server_name, *resolv_conf =
						  "search example.org\nnameserver 192.0.2.1\n"
						  "nameserver 192.0.2.2\n";
	CLEANUP(fd_close) int listen_fd = control_listen();
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	char message[256], metric[2][128];
	pid_t server_pid, client_pid;

	/* something of before, in the way; and a mask of its own */
	assert_int_equal(RUN("ip", "addr", "add", "198.51.100.7/24", "dev", "client"), 0);
	server_pid = server_start(server, "opt router 192.0.2.1 192.0.2.3\nopt mtu 1400\n");
	client_pid = START("busybox", "udhcpc", "-f", "-i", "client", "-s", self, "-t", "20", "-T",
			   "1", "-A", "1", "-O", "mtu", "-O", "ntpsrv");
	message_take(listen_fd, message, sizeof(message));
	assert_string_equal(message, "network lost client");
	message_take(listen_fd, message, sizeof(message));
	assert_string_equal(message, MESSAGE);
	for (unsigned i = 0; i < 2; i++)
		(void)snprintf(metric[i], sizeof(metric[i]),
			       "default via 192.0.2.%u dev client proto dhcp metric %u onlink \n",
			       1 + 2 * i, if_nametoindex("client") * 4 + i);
	text_format(&text, "%s%s", metric[0], metric[1]);
	check_state("inet 192.0.2.10/24 brd 192.0.2.255 scope global", text_string(&text),
		    resolv_conf);
	OUTPUT(&text, "ip", "link", "show", "client");
	assert_non_null(strstr(text_string(&text), "mtu 1400"));
	assert_non_null(strstr(text_string(&text), "UP"));

	/* Renewed with one router less, while someone has spoilt address and file. The server knows
	 * its lease again: it writes the file on TERM. A route of someone else stays, as it does
	 * only when the address was never gone. */
	end(server_pid, SIGTERM);
	assert_int_equal(RUN("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.3"), 0);
	server_pid = server_start(server, "opt router 192.0.2.1\n");
	assert_int_equal(RUN("ip", "addr", "add", "198.51.100.9/24", "dev", "client"), 0);
	assert_int_equal(file_write(AT_FDCWD, "/etc/resolv.conf", "x\n", 0644), 0);
	assert_int_equal(kill(client_pid, SIGUSR1), 0);
	message_take(listen_fd, message, sizeof(message));
	assert_string_equal(message, MESSAGE);
	check_state("inet 192.0.2.10/24", metric[0], resolv_conf);
	OUTPUT(&text, "ip", "-4", "-o", "addr", "show", "dev", "client");
	assert_null(strstr(text_string(&text), "198.51.100"));
	OUTPUT(&text, "ip", "route", "show", "203.0.113.0/24");
	assert_string_equal(text_string(&text), "203.0.113.0/24 via 192.0.2.3 dev client \n");

	stop(client_pid);
	stop(server_pid);
}

/* the script alone: the end of a lease, bad leases, and a helper that is not there */
static void script_alone(void **state UNUSED)
{
	const char *resolv_conf =
		"search example.org\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n";
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	(void)unlink(CONTROL_PATH);
	assert_int_equal(RUN("env", "interface=client", self, "deconfig"), 0);
	check_state(NULL, "", resolv_conf);
	/* no name servers: those of before stay; a gateway outside of the subnet works */
	assert_int_equal(RUN("env", "interface=client", "ip=192.0.2.77", "mask=32",
			     "router=198.51.100.1", "mtu=1", self, "bound"),
			 0);
	text_format(&text, "default via 198.51.100.1 dev client proto dhcp metric %u onlink \n",
		    if_nametoindex("client") * 4);
	check_state("inet 192.0.2.77/32 scope global", text_string(&text), resolv_conf);
	assert_int_equal(RUN("env", "interface=client", "ip=192.0.2.77", self, "bound"), 1);
	assert_int_equal(RUN("env", "interface=nothing", self, "deconfig"), 1);
	assert_int_equal(RUN("env", "interface=client", self, "nak"), 0);
	assert_int_equal(RUN("env", "interface=client", self, "leasefail"), 0);
	assert_int_equal(RUN("env", "interface=client", self, "dance"), 1);
	check_state("inet 192.0.2.77/32 scope global", text_string(&text), resolv_conf);
}

static bool tools_are_there(void)
{
	return RUN("busybox", "udhcpd", "--help") != 127 &&
	       RUN("sh", "-c",
		   "busybox --list | grep -qx udhcpd && busybox --list | "
		   "grep -qx udhcpc && ip -V && nsenter --version") == 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_is_applied_and_renewed),
		cmocka_unit_test(script_alone),
	};
	pid_t pid;
	int failed;

	if (argc > 1)
		return applet_dhcp_script(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || !tools_are_there()) {
		print_message("skipped: busybox with udhcpc and udhcpd, ip, nsenter are needed\n");
		return SKIPPED;
	}
	pid = namespaces_make();
	if (pid < 0) {
		print_message("skipped: no namespaces here: %s\n", strerror(errno));
		return SKIPPED;
	}
	(void)snprintf(server_name, sizeof(server_name), "%d", pid);
	failed = RUN("nsenter", "-t", server_name, "-n", "ip", "addr", "add", "192.0.2.1/24", "dev",
		     "server") ||
		 RUN("nsenter", "-t", server_name, "-n", "ip", "link", "set", "server", "up");
	if (!failed)
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	namespaces_leave(pid);
	return failed;
}
