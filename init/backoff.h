/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backoff.h - how long to wait before what ended is started again
 */
#pragma once

#include <stdint.h>

struct backoff_rule {
	uint64_t first_ms, most_ms; /* the first pause; each further one is twice as long */
	uint64_t good_ms;           /* one that lived so long starts the count anew */
	uint64_t good_pause_ms;     /* the pause after such a one, which does not count; 0: first_ms
				       and it counts */
};

struct backoff {
	uint64_t next_ms; /* 0: first_ms */
	unsigned deaths;  /* one after the other, each before good_ms */
};

/** backoff_pause() - @lived_ms: how long it ran. Return: milliseconds to wait */
static inline uint64_t backoff_pause(struct backoff *backoff, const struct backoff_rule *rule,
				     uint64_t lived_ms)
{
	uint64_t pause;

	if (lived_ms >= rule->good_ms)
		*backoff = (struct backoff){ 0 };
	else
		backoff->deaths++;
	if (lived_ms >= rule->good_ms && rule->good_pause_ms > 0)
		return rule->good_pause_ms;
	pause = backoff->next_ms > 0 ? backoff->next_ms : rule->first_ms;
	backoff->next_ms = pause > rule->most_ms / 2 ? rule->most_ms : pause * 2;
	return pause;
}
