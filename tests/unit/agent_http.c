/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_http.c - the agent's HTTP client and what it makes of Docker's answers
 *
 * A thread plays the daemon on a unix socket: it answers connection after connection with the
 * strings of its script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "init/agent_docker.h"
#include "init/agent_http.h"
#include "init/agent_stop.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define SIZED(size) OK "Content-Length: " size "\r\n\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

/* ---- the parser ---- */

// clang-format off
static const struct {
	const char *bytes;
	bool is_end;
	int result;
	int status;
	const char *body;
} parse_rows[] = {
	{ "", false, 0, 0, NULL },
	{ "", true, -EPROTO, 0, NULL },
	{ "HTT", false, 0, 0, NULL },
	{ "HTT", true, -EPROTO, 0, NULL },
	{ "SSH-2.0-OpenSSH", false, -EPROTO, 0, NULL },
	{ OK, false, 0, 0, NULL },
	{ SIZED("2") "OK", false, 1, 200, "OK" },
	{ SIZED("2") "OKAY", false, 1, 200, "OK" },
	{ SIZED("3") "OK", false, 0, 0, NULL },
	{ SIZED("3") "OK", true, -EPROTO, 0, NULL },
	{ SIZED("0"), false, 1, 200, "" },
	{ SIZED("x"), false, -EPROTO, 0, NULL },
	{ SIZED("-1"), false, -EPROTO, 0, NULL },
	{ SIZED("1048577"), false, -EMSGSIZE, 0, NULL },
	{ SIZED("99999999999999999999999"), false, -EMSGSIZE, 0, NULL },
	{ OK "content-length:\t2\r\n\r\nOK", false, 1, 200, "OK" },
	{ "HTTP/1.0 404 Not Found\r\n\r\nno such", false, 0, 0, NULL },
	{ "HTTP/1.0 404 Not Found\r\n\r\nno such", true, 1, 404, "no such" },
	{ "HTTP/1.1 204 No Content\r\n\r\n", false, 1, 204, "" },
	{ "HTTP/1.1 100 Continue\r\n\r\n" SIZED("1") "x", false, 1, 200, "x" },
	{ "HTTP/1.1 100 Continue\r\n\r\n", false, 0, 0, NULL },
	{ "HTTP/1.1 2x0 OK\r\n\r\n", false, -EPROTO, 0, NULL },
	{ "HTTP/1.1 999 OK\r\n\r\n", false, -EPROTO, 0, NULL },
	{ "HTTP/2.0 200 OK\r\n\r\n", false, -EPROTO, 0, NULL },
	{ CHUNKED "2\r\nOK\r\n0\r\n\r\n", false, 1, 200, "OK" },
	{ CHUNKED "1;name=value\r\na\r\nA\r\n0123456789\r\n0\r\n", false, 1, 200, "a0123456789" },
	{ CHUNKED "2\r\nOK\r\n", false, 0, 0, NULL },
	{ CHUNKED "2\r\nOK\r\n", true, -EPROTO, 0, NULL },
	{ CHUNKED "2\r\nOKAY\r\n", false, -EPROTO, 0, NULL },
	{ CHUNKED "2x\r\nOK\r\n", false, -EPROTO, 0, NULL },
	{ CHUNKED "\r\n", false, -EPROTO, 0, NULL },
	{ CHUNKED "ffffffffffffffff\r\n", false, -EMSGSIZE, 0, NULL },
	{ CHUNKED "fffffffffffffffff\r\n", false, -EMSGSIZE, 0, NULL },
	{ OK "Transfer-Encoding: gzip\r\n\r\n", false, -EPROTO, 0, NULL },
};
// clang-format on

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(parse_rows); i++) {
		CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;

		print_message("row %zu\n", i);
		assert_int_equal(http_parse(parse_rows[i].bytes, strlen(parse_rows[i].bytes),
					    parse_rows[i].is_end, &response),
				 parse_rows[i].result);
		if (parse_rows[i].result != 1)
			continue;
		assert_int_equal(response.status, parse_rows[i].status);
		assert_string_equal(text_string(&response.body), parse_rows[i].body);
	}
}

static void test_parse_endless_header(void **state)
{
	CLEANUP(http_response_free) struct http_response response = HTTP_RESPONSE_EMPTY;
	CLEANUP(text_free) struct text bytes = TEXT_EMPTY;

	(void)state;
	text_add(&bytes, OK);
	while (bytes.length < HTTP_HEADER_LIMIT)
		text_add(&bytes, "X-Filler: and on and on\r\n");
	assert_int_equal(http_parse(text_string(&bytes), bytes.length, false, &response),
			 -EMSGSIZE);
}

static void test_encode(void **state)
{
	CLEANUP(text_free) struct text target = TEXT_EMPTY;

	(void)state;
	http_encode(&target, "host:5000/a-b/c_d:1.0 ?x=%\n\xff");
	assert_string_equal(text_string(&target), "host:5000/a-b/c_d:1.0%20%3Fx%3D%25%0A%FF");
}

/* ---- a daemon that plays a script ---- */

struct step {
	const char *expect; /* start of the request */
	const char *answer; /* NULL: nothing, the connection stays open until the client goes */
	bool is_early;      /* answer and close without reading the body */
};

struct daemon {
	char directory[32];
	char path[64];
	int listen_fd;
	const struct step *steps;
	size_t count;
	size_t received; /* bytes of the last request */
	unsigned wrong;  /* requests that were not the expected ones */
	pthread_t thread;
};

/* the whole request: its header, and the body that Content-Length announces */
static size_t request_read(int fd, const struct step *step, bool *ret_is_right)
{
	CLEANUP(text_free) struct text request = TEXT_EMPTY;
	size_t wanted = SIZE_MAX;

	while (request.length < wanted) {
		char buffer[4096];
		ssize_t count = recv(fd, buffer, sizeof(buffer), 0);
		const char *end, *length;

		if (count <= 0)
			break;
		text_add_bytes(&request, buffer, (size_t)count);
		end = strstr(text_string(&request), "\r\n\r\n");
		if (!end)
			continue;
		length = strstr(text_string(&request), "Content-Length: ");
		wanted = (size_t)(end - text_string(&request)) + 4;
		if (length && length < end && !step->is_early)
			wanted += strtoul(length + 16, NULL, 10);
	}
	*ret_is_right = strncmp(text_string(&request), step->expect, strlen(step->expect)) == 0;
	return request.length;
}

static void *daemon_run(void *argument)
{
	struct daemon *daemon = argument;

	for (size_t i = 0; i < daemon->count; i++) {
		CLEANUP(fd_close) int fd = accept(daemon->listen_fd, NULL, NULL);
		bool is_right;
		char byte;

		daemon->received = request_read(fd, &daemon->steps[i], &is_right);
		daemon->wrong += !is_right;
		if (daemon->steps[i].answer)
			(void)!send(fd, daemon->steps[i].answer, strlen(daemon->steps[i].answer),
				    MSG_NOSIGNAL);
		else
			(void)!recv(fd, &byte, 1, 0);
	}
	return NULL;
}

static void daemon_start(struct daemon *daemon, const struct step *steps, size_t count)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*daemon =
		(struct daemon){ .directory = "/tmp/agent.XXXXXX", .steps = steps, .count = count };
	assert_non_null(mkdtemp(daemon->directory));
	(void)snprintf(daemon->path, sizeof(daemon->path), "%s/socket", daemon->directory);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->path);
	daemon->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(daemon->listen_fd >= 0);
	assert_int_equal(
		bind(daemon->listen_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(daemon->listen_fd, 5), 0);
	assert_int_equal(pthread_create(&daemon->thread, NULL, daemon_run, daemon), 0);
}

static void daemon_end(struct daemon *daemon)
{
	assert_int_equal(pthread_join(daemon->thread, NULL), 0);
	fd_close(&daemon->listen_fd);
	(void)unlink(daemon->path);
	(void)rmdir(daemon->directory);
	assert_int_equal(daemon->wrong, 0);
}

/* ---- questions to it ---- */

// clang-format off
static const struct {
	const char *answer;
	int result;
	const char *id;
	const char *reason;
} id_rows[] = {
	{ CHUNKED "10\r\n{\"Id\":\"sha256:1\"\r\n1\r\n}\r\n0\r\n\r\n", 0, "sha256:1", "" },
	{ "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", -ENOENT, NULL, "" },
	{ "HTTP/1.1 500 Oops\r\nContent-Length: 18\r\n\r\n{\"message\":\"boom\"}", -EIO, NULL,
	  "cannot ask for image 'a/b:1': Docker says: boom" },
	{ "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", -EIO, NULL,
	  "cannot ask for image 'a/b:1': Docker answers with status 500" },
	{ SIZED("2") "[]", -EPROTO, NULL, "Docker's answer about image 'a/b:1' has no Id" },
	{ SIZED("8") "{\"Id\": 1", -EPROTO, NULL, "Docker's answer about image 'a/b:1' has no Id" },
	{ "garbage\r\n\r\n", -EPROTO, NULL, "cannot ask for image 'a/b:1': Protocol error" },
	{ NULL, -ETIMEDOUT, NULL, "cannot ask for image 'a/b:1': Connection timed out" },
};
// clang-format on

static void test_image_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(id_rows); i++) {
		const struct step step = { "GET /images/a/b:1/json HTTP/1.1\r\nHost: docker\r\n",
					   id_rows[i].answer, false };
		CLEANUP(memory_free) char *id = NULL;
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;
		struct daemon daemon;
		struct docker docker = { .silence_ms = 200 };
		int r;

		print_message("row %zu\n", i);
		daemon_start(&daemon, &step, 1);
		docker.socket_path = daemon.path;
		r = docker_image_id(&docker, "a/b:1", &id, &reason);
		daemon_end(&daemon);
		assert_int_equal(r, id_rows[i].result);
		assert_string_equal(text_string(&reason), id_rows[i].reason);
		if (id_rows[i].id)
			assert_string_equal(id, id_rows[i].id);
	}
}

#define ROOT "\"DockerRootDir\":\"/var/lib/docker\""

// clang-format off
static const struct {
	const char *answer;
	int result;
	bool has_image_store;
	const char *reason;
} info_rows[] = {
	{ OK "\r\n{" ROOT ",\"DriverStatus\":[[\"Backing Filesystem\",\"extfs\"]]}", 0, false, "" },
	{ OK "\r\n{" ROOT ",\"DriverStatus\":null}", 0, false, "" },
	{ OK "\r\n{" ROOT ",\"DriverStatus\":[[1],[\"driver-type\"],{},"
	  "[\"driver-type\",\"io.containerd.snapshotter.v1\"]]}", 0, true, "" },
	{ OK "\r\n{" ROOT ",\"DriverStatus\":[[\"x\",\"io.containerd.snapshotter.v1\"]]}", 0, false, "" },
	{ OK "\r\n{\"DockerRootDir\":1}", -EPROTO, false, "Docker's answer about its state has no DockerRootDir" },
	{ "HTTP/1.1 500 Oops\r\n\r\n", -EIO, false, "cannot ask for Docker's state: Docker answers with status 500" },
	{ NULL, -ETIMEDOUT, false, "cannot ask for Docker's state: Connection timed out" },
};
// clang-format on

static void test_info(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(info_rows); i++) {
		const struct step step = { "GET /info HTTP/1.1\r\n", info_rows[i].answer, false };
		CLEANUP(docker_info_free) struct docker_info info = { 0 };
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;
		struct daemon daemon;
		struct docker docker = { .silence_ms = 200 };
		int r;

		print_message("row %zu\n", i);
		daemon_start(&daemon, &step, 1);
		docker.socket_path = daemon.path;
		r = docker_info(&docker, &info, &reason);
		daemon_end(&daemon);
		assert_int_equal(r, info_rows[i].result);
		assert_string_equal(text_string(&reason), info_rows[i].reason);
		assert_int_equal(info.has_image_store, info_rows[i].has_image_store);
		if (r == 0)
			assert_string_equal(info.root, "/var/lib/docker");
	}
}

#define ARCHIVE_SIZE (3u << 20)

static void archive_make(char *path)
{
	CLEANUP(fd_close) int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, ARCHIVE_SIZE), 0);
}

// clang-format off
static const struct {
	struct step steps[2];
	size_t count;
	const char *reason;
	int result;
	bool is_whole;	/* the daemon has got all of the archive */
} load_rows[] = {
	{ { { "POST /images/load?quiet=1 ", CHUNKED "e\r\n{\"stream\":\"a\"}\r\n0\r\n\r\n", false },
	    { "GET /images/x:1/json ", SIZED("10") "{\"Id\":\"i\"}", false } }, 2, "", 0, false },
	{ { { "POST /images/load?quiet=1 ", SIZED("0"), false },
	    { "GET /images/x:1/json ", "HTTP/1.1 404 No\r\n\r\n", false } }, 2, "was loaded, but no image 'x:1' was in it", -ENOENT, false },
	{ { { "POST /images/load?quiet=1 ", OK "\r\n{\"stream\":\"a\"}\n{\"errorDetail\":"
	      "{\"message\":\"no space\"},\"error\":\"no space\"}", false } }, 1, "Docker says: no space", -EIO, true },
	{ { { "POST /images/load?quiet=1 ", OK "\r\n{\"error\":\"just this\"}", false } }, 1, "Docker says: just this", -EIO, true },
	{ { { "POST /images/load?quiet=1 ", "HTTP/1.1 400 No\r\nContent-Length: 17\r\n\r\n"
	      "{\"message\":\"bad\"}", true } }, 1, "Docker says: bad", -EIO, false },
	{ { { "POST /images/load?quiet=1 ", "", false } }, 1, "Protocol error", -EPROTO, true },
};
// clang-format on

static void test_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(load_rows); i++) {
		char archive[] = "/tmp/archive.XXXXXX";
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;
		struct daemon daemon;
		struct docker docker = { .silence_ms = 5000 };
		int r;

		print_message("row %zu\n", i);
		archive_make(archive);
		daemon_start(&daemon, load_rows[i].steps, load_rows[i].count);
		docker.socket_path = daemon.path;
		r = docker_load(&docker, "x:1", archive, &reason);
		daemon_end(&daemon);
		(void)unlink(archive);
		assert_int_equal(r, load_rows[i].result);
		assert_non_null(strstr(text_string(&reason), load_rows[i].reason));
		if (load_rows[i].is_whole)
			assert_true(daemon.received > ARCHIVE_SIZE);
	}
}

static void test_load_no_archive(void **state)
{
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;
	const struct docker docker = { .socket_path = "/nonexistent/socket", .silence_ms = 100 };

	(void)state;
	assert_int_equal(docker_load(&docker, "x:1", "/nonexistent.tar", &reason), -ENOENT);
	assert_string_equal(text_string(&reason), "cannot load 'x:1' from '/nonexistent.tar': "
						  "No such file or directory");
}

// clang-format off
static const struct {
	struct step steps[2];
	size_t count;
	int result;
} remove_rows[] = {
	{ { { "DELETE /containers/c?force=1 ", "HTTP/1.1 204 No Content\r\n\r\n", false } }, 1, 0 },
	{ { { "DELETE /containers/c?force=1 ", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
	      false } }, 1, 0 },
	{ { { "DELETE /containers/c?force=1 ", "HTTP/1.1 409 In progress\r\n\r\n", false },
	    { "POST /containers/c/wait?condition=removed ", SIZED("2") "{}", false } }, 2, 0 },
	{ { { "DELETE /containers/c?force=1 ", "HTTP/1.1 500 No\r\n\r\n", false } }, 1, -EIO },
};
// clang-format on

static void test_remove(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(remove_rows); i++) {
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;
		struct daemon daemon;
		struct docker docker = { .silence_ms = 5000 };
		int r;

		print_message("row %zu\n", i);
		daemon_start(&daemon, remove_rows[i].steps, remove_rows[i].count);
		docker.socket_path = daemon.path;
		r = docker_remove(&docker, "c", &reason);
		daemon_end(&daemon);
		assert_int_equal(r, remove_rows[i].result);
	}
}

/* refused, then unready, then ready; and a daemon that never comes is bounded */
static void test_wait(void **state)
{
	static const struct step steps[] = {
		{ "GET /_ping ", "HTTP/1.1 503 Not yet\r\nContent-Length: 0\r\n\r\n", false },
		{ "GET /_ping ", "", false },
		{ "GET /_ping ", SIZED("2") "OK", false },
	};
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;
	struct docker docker = { .socket_path = "/nonexistent/socket", .silence_ms = 100 };
	struct daemon daemon;
	uint64_t start_ms = http_clock_ms();

	(void)state;
	assert_int_equal(docker_wait(&docker, 150, &reason), -ENOENT);
	assert_true(http_clock_ms() - start_ms >= 150);
	assert_true(http_clock_ms() - start_ms < 5000);
	assert_string_equal(text_string(&reason), "Docker does not answer at '/nonexistent/socket' "
						  "after 150 ms: No such file or directory");
	text_clear(&reason);
	daemon_start(&daemon, steps, COUNT_OF(steps));
	docker.socket_path = daemon.path;
	assert_int_equal(docker_wait(&docker, 20000, &reason), 0);
	daemon_end(&daemon);
	assert_string_equal(text_string(&reason), "");
}

/* something that takes the connection and says nothing */
static void test_wait_hang(void **state)
{
	static const struct step step = { "GET /_ping ", NULL, false };
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;
	struct docker docker = { .silence_ms = 100 };
	struct daemon daemon;
	uint64_t start_ms = http_clock_ms();

	(void)state;
	daemon_start(&daemon, &step, 1);
	docker.socket_path = daemon.path;
	assert_int_equal(docker_wait(&docker, 300, &reason), -ETIMEDOUT);
	assert_true(http_clock_ms() - start_ms < 5000);
	daemon_end(&daemon);
}

/* ---- how containers want to be stopped ---- */

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TWO                                                                                        \
	OK "\r\n[{\"Id\":\"" ID_A "\"},{\"Id\":7},{\"Id\":\"../../images\"},{\"Id\":\"" ID_B "\"}" \
	   "]"

// clang-format off
static const struct {
	struct step steps[3];
	size_t count;
	int result;
	const char *lines;
} stop_rows[] = {
	{ { { "GET /containers/json HTTP/1.1\r\n", SIZED("2") "[]", false } }, 1, 0, "end\n" },
	{ { { "GET /containers/json ", TWO, false },
	    { "GET /containers/" ID_A "/json ",
	      OK "\r\n{\"Config\":{\"StopSignal\":\"SIGUSR1\",\"StopTimeout\":30}}", false },
	    { "GET /containers/" ID_B "/json ", OK "\r\n{\"Config\":{\"StopTimeout\":-1}}", false } },
	  3, 0, ID_A " 10 30000\n" ID_B " 15 -\nend\n" },
	/* the first has ended meanwhile */
	{ { { "GET /containers/json ", TWO, false },
	    { "GET /containers/" ID_A "/json ", "HTTP/1.1 404 No\r\n\r\n", false },
	    { "GET /containers/" ID_B "/json ", OK "\r\n{}", false } },
	  3, 0, ID_B " 15 10000\nend\n" },
	/* no end: not all is known */
	{ { { "GET /containers/json ", TWO, false },
	    { "GET /containers/" ID_A "/json ", OK "\r\n{\"Config\":{\"StopTimeout\":0}}", false },
	    { "GET /containers/" ID_B "/json ", NULL, false } },
	  3, -ETIMEDOUT, ID_A " 15 0\n" },
	{ { { "GET /containers/json ", NULL, false } }, 1, -ETIMEDOUT, "" },
	{ { { "GET /containers/json ", "HTTP/1.1 500 No\r\n\r\n", false } }, 1, -EIO, "" },
	{ { { "GET /containers/json ", OK "\r\n[{", false } }, 1, -EPROTO, "" },
};

static const struct {
	const char *name;
	int number;
} stop_signals[] = {
	{ NULL, SIGTERM }, { "", SIGTERM }, { "SIGINT", SIGINT }, { "quit", SIGQUIT },
	{ "SIGRTMIN", 34 }, { "RTMIN+3", 37 }, { "sigrtmax-1", 63 }, { "RTMIN+99", SIGTERM },
	{ "RTMIN-1", SIGTERM }, { "RTMINX", SIGTERM }, { "9", SIGKILL }, { "0", SIGTERM },
	{ "65", SIGTERM }, { "nonsense", SIGTERM }, { "SIG", SIGTERM },
};
// clang-format on

static void test_stops(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stop_rows); i++) {
		CLEANUP(text_free) struct text lines = TEXT_EMPTY, reason = TEXT_EMPTY;
		struct daemon daemon;
		struct docker docker = { 0 };
		int r;

		print_message("row %zu\n", i);
		daemon_start(&daemon, stop_rows[i].steps, stop_rows[i].count);
		docker.socket_path = daemon.path;
		r = docker_stops(&docker, 300, &lines, &reason);
		daemon_end(&daemon);
		assert_int_equal(r, stop_rows[i].result);
		assert_string_equal(text_string(&lines), stop_rows[i].lines);
		assert_true((r < 0) == (reason.length > 0));
	}
}

static void test_stop_signal(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stop_signals); i++) {
		print_message("row %zu\n", i);
		assert_int_equal(stop_signal_parse(stop_signals[i].name), stop_signals[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),     cmocka_unit_test(test_parse_endless_header),
		cmocka_unit_test(test_encode),    cmocka_unit_test(test_image_id),
		cmocka_unit_test(test_load),      cmocka_unit_test(test_load_no_archive),
		cmocka_unit_test(test_remove),    cmocka_unit_test(test_wait),
		cmocka_unit_test(test_wait_hang), cmocka_unit_test(test_info),
		cmocka_unit_test(test_stops),     cmocka_unit_test(test_stop_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
