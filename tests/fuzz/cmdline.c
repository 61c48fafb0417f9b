/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline.c - the kernel command line, argv in one string, and init's own parameters: words in
 *             quotes come back as they are; whatever a parameter says, the plan stays whole
 */
#include <errno.h>

#include "fuzz.h"
#include "init/lib/cmdline.h"
#include "init/lib/network_address.h"
#include "init/lib/find.h"
#include "init/parameters.h"
#include "init/root_request.h"

static void check_words(const struct cmdline *cmdline)
{
	CLEANUP(cmdline_free) struct cmdline again = CMDLINE_EMPTY;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	/* there are no escapes: a quote within a word cannot be written in quotes */
	for (size_t i = 0; i < cmdline->count; i++) {
		const struct cmdline_word *word = &cmdline->words[i];

		if (strchr(word->key, '"') || (word->value && strchr(word->value, '"')))
			return;
		text_format(&line, " \"%s%s%s\"", word->key, word->value ? "=" : "",
			    word->value ? word->value : "");
		REQUIRE(cmdline_last(cmdline, word->key) != NULL);
	}
	REQUIRE(cmdline_parse(&again, text_string(&line)) == 0);
	REQUIRE(again.count == cmdline->count);
	for (size_t i = 0; i < again.count; i++) {
		const struct cmdline_word *a = &cmdline->words[i], *b = &again.words[i];

		REQUIRE(text_equal(a->key, b->key));
		REQUIRE((a->value != NULL) == (b->value != NULL));
		REQUIRE(!a->value || text_equal(a->value, b->value));
	}
}

static void check_argv(const char *string)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY, again = STRINGS_EMPTY;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	if (argv_parse(string, &words) < 0) {
		REQUIRE(words.count == 0);
		return;
	}
	for (size_t i = 0; i < words.count; i++) {
		text_add(&line, " \"");
		for (const char *at = words.items[i]; *at; at++)
			text_format(&line, strchr("\"\\", *at) ? "\\%c" : "%c", *at);
		text_add(&line, "\"");
	}
	REQUIRE(argv_parse(text_string(&line), &again) == 0);
	REQUIRE(again.count == words.count);
	for (size_t i = 0; i < words.count; i++)
		REQUIRE(text_equal(words.items[i], again.items[i]));
}

/* what ip= says is of a form that its step can use */
static void check_network(const struct plan_network *network)
{
	struct network_address address;

	REQUIRE(network->match);
	for (size_t i = 0; i < network->address.count; i++)
		REQUIRE(network_address_parse(network->address.items[i], true, &address) == 0);
	for (size_t i = 0; i < network->gateway.count; i++)
		REQUIRE(network_address_parse(network->gateway.items[i], false, &address) == 0);
	for (size_t i = 0; i < network->dns.count; i++)
		REQUIRE(network_address_parse(network->dns.items[i], false, &address) == 0);
	REQUIRE(network->mtu <= 65535);
}

/* which root the command line asks for: of forms that mounting it can rely on */
static void check_root(const struct cmdline *cmdline)
{
	CLEANUP(root_request_free) struct root_request request = ROOT_REQUEST_EMPTY;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	const struct bootplan plan = BOOTPLAN_EMPTY;
	enum find_kind kind;
	const char *value;
	int r = root_request_make(&request, &plan, cmdline, &why);

	REQUIRE(r == 0 || r == -EINVAL);
	REQUIRE((r == -EINVAL) == (why.length > 0));
	if (r < 0)
		return;
	REQUIRE(find_parse(request.find, &kind, &value) && kind != FIND_NONE);
	REQUIRE(!request.is_writable || (request.cow.kind == COW_NONE && !request.image));
	REQUIRE(!request.cow.size || !strchr(request.cow.size, ','));
	REQUIRE(!request.inner || *request.inner);
	if (request.cow.kind != COW_DISK)
		return;
	REQUIRE(find_parse(request.cow.find, &kind, &value));
	REQUIRE(*request.cow.directory && !strpbrk(request.cow.directory, ",:\\"));
}

static void check_parameters(struct cmdline *cmdline)
{
	static const char text[] = "mkinitrd-plan 1\n"
				   "image profile=x release=1\n"
				   "disk find=LABEL=DOCKER at=/var/lib/docker\n"
				   "network match=en* method=dhcp\n"
				   "main name=sh exec=/bin/sh ready=unix:/run/x\n";
	struct machine machine = { .cmdline = *cmdline, .uevent_fd = -1 };
	struct step_record record = { .name = "plan" };
	CLEANUP(memory_free) char *error = NULL;

	*cmdline = CMDLINE_EMPTY;
	REQUIRE(bootplan_parse(&machine.plan, text, sizeof(text) - 1, &error) == 0);
	REQUIRE(parameters_early(&machine) == 0);
	if (parameters_apply(&machine, &record) < 0)
		REQUIRE(record.details[0] &&
			memchr(record.details, '\0', sizeof(record.details)) != NULL);
	else
		REQUIRE(machine.plan.has_main && machine.plan.main.exec.count > 0 &&
			machine.plan.main.exec.items[0][0] == '/');
	REQUIRE(machine.plan.disk.find && *machine.plan.disk.find);
	for (size_t i = 0; i < machine.plan.network_count; i++)
		check_network(&machine.plan.networks[i]);
	bootplan_free(&machine.plan);
	cmdline_free(&machine.cmdline);
	free(machine.break_step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(cmdline_free) struct cmdline cmdline = CMDLINE_EMPTY;
	CLEANUP(memory_free) char *string = fuzz_string(data, size);

	check_argv(string);
	REQUIRE(cmdline_parse(&cmdline, string) == 0);
	check_words(&cmdline);
	check_root(&cmdline);
	check_parameters(&cmdline);
	return 0;
}
