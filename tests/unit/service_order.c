/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_order.c - in which order services start, and how long they wait to start again
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "init/backoff.h"
#include "init/service_order.h"

#define MOST_SERVICES 4

static const struct {
	const char *services[MOST_SERVICES]; /* "NAME" or "NAME:NEED,NEED" */
	const char *main_needs;
	const char *order;  /* NULL: -EINVAL */
	const char *reason; /* a part of it */
} rows[] = {
	{ { NULL }, NULL, "", NULL },
	{ { "a" }, NULL, "a", NULL },
	{ { "a", "b", "c" }, NULL, "a b c", NULL },
	{ { "a:b", "b:c", "c" }, NULL, "c b a", NULL },
	{ { "a:c,d", "b", "c:b", "d" }, NULL, "b c d a", NULL },
	{ { "a", "b" }, "b", "a b", NULL },
	{ { "a:b", "b:a" }, NULL, NULL, "circle: a b" },
	{ { "a:a" }, NULL, NULL, "circle: a" },
	{ { "x", "a:b", "b:a", "y:a" }, NULL, NULL, "circle: a b y" },
	{ { "a:choice,b", "b:choice" }, NULL, "b a", NULL },
	{ { "a:nothing" }, NULL, NULL, "'a' needs 'nothing'" },
	{ { "a" }, "nothing", NULL, "'main' needs 'nothing'" },
	{ { "a", "a" }, NULL, NULL, "'a' is there twice" },
	/* what main alone can wait for */
	{ { "a" }, "network", "a", NULL },
	{ { "a:network" }, NULL, NULL, "'a' needs 'network'" },
};

static void plan_make(struct bootplan *plan, const char *const *services, const char *main_needs)
{
	struct plan_choice *choice = bootplan_add_choice(plan);

	assert_non_null(choice);
	choice->name = strdup("choice");
	if (main_needs)
		assert_int_equal(strings_add(&plan->main.needs, main_needs), 0);
	for (size_t i = 0; i < MOST_SERVICES && services[i]; i++) {
		struct plan_service *service = bootplan_add_service(plan);
		char copy[32];
		char *rest = NULL;

		assert_non_null(service);
		(void)snprintf(copy, sizeof(copy), "%s", services[i]);
		service->name = strdup(strtok_r(copy, ":", &rest));
		for (char *need = strtok_r(NULL, ",", &rest); need;
		     need = strtok_r(NULL, ",", &rest))
			assert_int_equal(strings_add(&service->needs, need), 0);
	}
}

static void orders(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
		CLEANUP(text_free) struct text reason = TEXT_EMPTY, names = TEXT_EMPTY;
		size_t order[MOST_SERVICES];

		print_message("row: %zu, %s\n", i, rows[i].order ? rows[i].order : rows[i].reason);
		plan_make(&plan, rows[i].services, rows[i].main_needs);
		assert_int_equal(service_order(&plan, order, &reason), rows[i].order ? 0 : -EINVAL);
		if (!rows[i].order) {
			assert_non_null(strstr(text_string(&reason), rows[i].reason));
			continue;
		}
		for (size_t k = 0; k < plan.service_count; k++)
			text_format(&names, "%s%s", k > 0 ? " " : "", plan.services[order[k]].name);
		assert_string_equal(text_string(&names), rows[i].order);
	}
}

static const struct backoff_rule service_rule = { 1000, 30000, 60000, 0 };
static const struct backoff_rule console_rule = { 1000, 30000, 5000, 300 };

/* lives, one after the other, and the pauses that follow */
static const struct {
	const struct backoff_rule *rule;
	uint64_t lives[8], pauses[8];
} backoffs[] = {
	{ &service_rule,
	  { 0, 0, 59999, 0, 0, 0, 0, 0 },
	  { 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000 } },
	{ &service_rule,
	  { 0, 0, 60000, 0, 0, 70000, 70000, 0 },
	  { 1000, 2000, 1000, 2000, 4000, 1000, 1000, 2000 } },
	{ &console_rule,
	  { 5000, 9000, 0, 4999, 0, 6000, 0, 0 },
	  { 300, 300, 1000, 2000, 4000, 300, 1000, 2000 } },
};

static void waits_longer_and_longer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(backoffs); i++) {
		struct backoff backoff = { 0 };

		for (size_t k = 0; k < 8; k++) {
			print_message("row: %zu, life %zu\n", i, k);
			assert_int_equal(
				backoff_pause(&backoff, backoffs[i].rule, backoffs[i].lives[k]),
				backoffs[i].pauses[k]);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(waits_longer_and_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
