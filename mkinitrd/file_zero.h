/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_zero.h - make a part of a file or a device read as zeros
 */
#pragma once

#include <stdint.h>

/** file_zero() - a hole where that can be, else zeros. Quiet. Return: 0 or a negative errno */
int file_zero(int fd, uint64_t offset, uint64_t count);
