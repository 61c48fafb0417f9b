/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_name.h - what may be the name of a host
 */
#pragma once

#include <stdbool.h>

/** host_name_is_valid() - letters, digits, '-' and '.', at most 64. Source: hostname(7) */
bool host_name_is_valid(const char *name);
