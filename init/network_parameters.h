/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_parameters.h - what the kernel command line says about the network
 */
#pragma once

#include "machine.h"

/**
 * network_parameters_apply() - mkinitrd.network=, ip= and nameserver= over the plan's values
 *
 * mkinitrd.network= replaces all that the plan says about interfaces; each ip= goes before that. On
 * failure the record's details say which parameter and why. Return: 0 or a negative errno
 */
int network_parameters_apply(struct machine *machine, struct step_record *record);
