/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.h - what a cloud's metadata service says of this machine
 */
#pragma once

#include "output.h"

struct metadata {
	struct supervisor *supervisor;
	struct child agent;
	struct output words;
	struct step_record *record;
	struct text details, absent;
	size_t warnings;
};

/**
 * metadata_start() - the step "metadata", when the plan asks for it; beside all else, bounded
 *
 * After the network is settled. Whatever comes of it, nothing waits for it.
 */
void metadata_start(struct metadata *metadata, struct supervisor *supervisor);
