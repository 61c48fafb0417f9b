/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_main_output.c - the last words of process 1, that of a namespace of its own, where the
 *                      kernel ends everything the moment that it ends
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "init/lib/file.h"
#include "init/main_output.h"
#include "init/output_sink.h"
#include "scratch.h"

#define SKIPPED 77

/* process 2: the helper. It is killed when process 1 is gone */
_Noreturn static void helper(struct machine *machine, int read_fd, int ready_fd)
{
	static struct supervisor supervisor;
	static struct main_output main_output;

	output_sink_open(&machine->plan);
	if (supervisor_open(&supervisor, machine) < 0 ||
	    main_output_open(&main_output, &supervisor, read_fd) < 0 ||
	    write(ready_fd, "r", 1) != 1)
		_exit(1);
	(void)supervisor_run(&supervisor);
	_exit(1);
}

/* process 1: becomes @argv, whose words go to the helper */
_Noreturn static void process_1(struct machine *machine, char *const *argv)
{
	int words[2], ready[2];
	char byte;

	if (pipe2(words, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		_exit(126);
	if (fork() == 0)
		helper(machine, words[0], ready[1]);
	(void)close(ready[1]);
	if (read(ready[0], &byte, 1) != 1 || dup2(words[1], STDOUT_FILENO) < 0 ||
	    dup2(words[1], STDERR_FILENO) < 0)
		_exit(126);
	(void)execv(argv[0], argv);
	_exit(127);
}

/* Return: the exit status of @argv as process 1; @text: what the helper wrote down of it */
static int last_words_of(const char *log, char *const *argv, struct text *text)
{
	struct machine machine = { .plan = { .has_log = true,
					     .log = { .to = PLAN_LOG_FILE, .limit = 1 << 20 } } };
	char *exec[] = { argv[0], NULL };
	pid_t outer = fork();
	int status = 0;

	machine.plan.log.path = strdup(log);
	machine.plan.main.exec = (struct strings){ exec, 1 };
	assert_true(outer >= 0);
	if (outer == 0) {
		pid_t first;

		if (unshare(CLONE_NEWPID) < 0)
			_exit(SKIPPED);
		first = fork();
		if (first == 0)
			process_1(&machine, argv);
		(void)waitpid(first, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 125);
	}
	assert_int_equal(waitpid(outer, &status, 0), outer);
	free(machine.plan.log.path);
	(void)file_read(AT_FDCWD, log, 1 << 20, text);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void DL_20_last_words_are_whole(void **state)
{
	static const struct {
		const char *path, *script;
		int status;
		const char *end;
	} rows[] = {
		{ "/bin/sh", "echo the-end; exit 3", 3, " sh: the-end\n" },
		{ "/bin/sh", "printf the-end; exit 0", 0, " sh: the-end\n" },
		{ "/bin/sh", "printf '%5000s%s\\n' x the-end; exit 3", 3, "the-end\n" },
		/* signals pass through the tracer, those that stop others do not stop it */
		{ "/bin/sh", "trap 'echo the-end; exit 4' TERM; kill -STOP $$; kill -TERM $$", 4,
		  " sh: the-end\n" },
		/* children come and go */
		{ "/bin/sh", "for i in 1 2 3 4 5 6 7 8 9; do /bin/true; done; echo the-end; exit 5",
		  5, " sh: the-end\n" },
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		/* the words race against the end: once would prove little */
		for (int repeat = 0; repeat < 10; repeat++) {
			CLEANUP(text_free) struct text text = TEXT_EMPTY;
			char name[32];
			char *argv[] = { strdup(rows[i].path), strdup("-c"), strdup(rows[i].script),
					 NULL };
			int status;

			(void)snprintf(name, sizeof(name), "log-%zu-%d", i, repeat);
			status = last_words_of(scratch_path(scratch, name), argv, &text);
			if (status == SKIPPED && i == 0) {
				print_message("skipped: no namespaces here\n");
				exit(SKIPPED);
			}
			print_message("row: %s: %d\n", rows[i].script, status);
			assert_int_equal(status, rows[i].status);
			assert_true(text_ends_with(text_string(&text), rows[i].end));
			for (size_t j = 0; j < 3; j++)
				free(argv[j]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(DL_20_last_words_are_whole, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
