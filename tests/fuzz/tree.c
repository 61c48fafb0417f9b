/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - tar archives and container images into a tree: every path lies below it, parents are
 *          directories, the bounds hold
 */
#include "fuzz.h"
#include "mkinitrd/tree_read.h"

#define LIMIT ((uint64_t)4 << 20)

static int check_member(struct tree_member *member, void *context)
{
	uint64_t *size = context;
	const struct tree_object *object = member->object;

	REQUIRE(fuzz_path_is_below(member->path));
	REQUIRE(!member->parent->path || member->parent->object->type == ENTRY_DIRECTORY);
	REQUIRE(object->references > 0);
	REQUIRE((object->type == ENTRY_SYMLINK) == (object->target != NULL));
	if (object->type == ENTRY_FILE) {
		REQUIRE(object->source.path);
		*size += object->size / object->references;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spool spool = SPOOL_EMPTY;
	CLEANUP(fd_close) int fd = fuzz_file(data, size);
	CLEANUP(tree_cleanup) struct tree *tree = tree_new();
	CLEANUP(image_config_free) struct image_config config = IMAGE_CONFIG_EMPTY;
	struct tree_reader reader = {
		.tree = tree,
		.spool = &spool,
		.name = "fuzz",
		.label = "'fuzz.tar'",
		.at = size && data[0] & 1 ? "a/b" : "",
		.limit = LIMIT,
		.config = &config,
		.only_config = size > 1 && data[1] & 2,
		.is_layer = size > 1 && data[1] & 1,
	};
	uint64_t sum = 0;
	int r;

	/* one for all inputs: it goes when the fuzzer does */
	if (spool.fd < 0)
		REQUIRE(spool_open(&spool) == 0);
	tree_layer(tree, "fuzz");
	r = tree_read_file(&reader, fd);
	REQUIRE(tree_walk(tree, check_member, &sum) == 0);
	REQUIRE(sum <= LIMIT && reader.size <= LIMIT);
	REQUIRE(!reader.only_config || tree_count(tree) == 0);
	REQUIRE(!config.is_image || !config.user || *config.user);
	for (size_t i = 0; i < config.env.count; i++)
		REQUIRE(strchr(config.env.items[i], '='));
	REQUIRE(r < 0 || tree_count(tree) <= TREE_ENTRIES_MOST);
	remove_all(spool.fd);
	return 0;
}
