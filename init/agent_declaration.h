/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_declaration.h - one declared container, as Docker is told to make it
 */
#pragma once

#include <jansson.h>

#include "lib/bootplan.h"

struct declaration {
	const struct plan_declared *plan;
	const struct plan_container *carried; /* its image, when the initramfs has it; or NULL */
	json_t *body;                         /* of the create request */
	char hash[17];                        /* of all that makes another container of it */
};

void declaration_free(struct declaration *declaration);

/**
 * declaration_read() - check one line of the plan, and read its environment file
 * @declared: a line of @plan; both must outlive @ret_declaration
 * @reason:   one line, on failure; also what was put right, which is no failure
 *
 * An environment file that others may read is given the mode 0600.
 *
 * Return: 0 or a negative errno
 */
int declaration_read(const struct bootplan *plan, const struct plan_declared *declared,
		     struct declaration *ret_declaration, struct text *reason);
