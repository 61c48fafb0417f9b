/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_image.c - "containers:" of a profile: images that travel in the initramfs
 *
 * In:    NAME:TAG, and programs and files for it, or an archive that is there already
 * Out:   an entry for each archive, and a line each in the boot plan
 * Not:   the form of an archive (container_archive.c), loading it (init/agent.c)
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "container_archive.h"
#include "capability.h"
#include "fail.h"
#include "resolve.h"
#include "../init/lib/bootplan.h"
#include "../init/lib/number.h"

#define IMAGE_FOLDER "usr/share/mkinitrd/images/"
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* one entry of "containers:" */
struct container {
	struct resolve *resolve; /* of the whole image */
	const char *tag;         /* NAME:TAG */
	const struct value *value;
	const struct origin *at; /* of the key */
	char *archive_path;      /* without leading '/' */
	char *relation;
	char *id;
};

static void container_free(struct container *container)
{
	memory_free(&container->archive_path);
	memory_free(&container->relation);
	memory_free(&container->id);
}

/* a value under the container's key; one that was removed with null is none */
static const struct value *container_value(const struct container *container, const char *key)
{
	const struct value *value = value_map_get(container->value, key);

	return value && value->kind != VALUE_NULL ? value : NULL;
}

static int container_names(struct container *container)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY, relation = TEXT_EMPTY;
	int r;

	if (!container_tag_is_valid(container->tag))
		return fail_at(container->at, "'%s' is not the NAME:TAG of an image",
			       container->tag);
	text_add(&path, IMAGE_FOLDER);
	for (const char *at = container->tag; *at != '\0'; at++)
		text_add_char(&path, *at == '/' || *at == ':' ? '_' : *at);
	text_add(&path, ".tar");
	text_format(&relation, "container '%s'", container->tag);
	r = text_take(&path, &container->archive_path);
	return r < 0 ? r : text_take(&relation, &container->relation);
}

/* ---- an archive that is there ---- */

static int archive_source(const struct container *container, const struct value *from,
			  struct source *source)
{
	const struct origin *at = &from->origin;
	CLEANUP(memory_free) char *path = NULL;
	int r;

	r = profile_expand(container->resolve->profile, value_text(from, ""), *at, &path);
	if (r < 0)
		return r;
	source->kind = path[0] == '/' ? SOURCE_ROOT : SOURCE_PROFILE;
	source->directory_fd =
		path[0] == '/' ? container->resolve->root->fd : profile_directory_fd(at);
	if (source->directory_fd < 0)
		return fail_at(at, "'%s' is relative, but stands in no file; give a full path",
			       path);
	source->path = text_pointer_take(&path);
	return 0;
}

static int archive_check(struct container *container, const char *label, int fd)
{
	const struct value *wanted = container_value(container, "sha256");
	char hex[SHA256_SIZE * 2 + 1];
	int r;

	if (wanted) {
		r = sha256_hex_fd(fd, hex);
		if (r < 0)
			return fail(r, "cannot read %s", label);
		if (strcasecmp(hex, value_text(wanted, "")) != 0)
			return fail_at(&wanted->origin,
				       "%s has the SHA-256 %s, not the one given here", label, hex);
	}
	return container_archive_id(fd, label, container->tag, &container->id);
}

static int container_from(struct container *container, const struct value *from)
{
	struct addition addition = {
		.path = container->archive_path,
		.type = ENTRY_FILE,
		.mode = 0644,
		.relation = container->relation,
		.at = *container->at,
	};
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(fd_close) int fd = -1;
	struct entry *entry = NULL;
	int r;

	r = archive_source(container, from, &addition.source);
	path = addition.source.path; /* copied by manifest_add() */
	if (r == 0)
		r = manifest_add(container->resolve->manifest, &addition, &entry);
	if (r >= 0 && entry)
		r = entry_open(entry, &fd);
	if (r < 0)
		return r;
	text_format(&label, "'%s' (", path);
	origin_format(&label, &from->origin, false);
	text_add_char(&label, ')');
	return archive_check(container, text_string(&label), fd);
}

/* ---- an archive made here ---- */

/* a scalar with ${name} replaced; NULL when there is none */
static int expand_take(const struct container *container, const struct value *value, char **ret)
{
	if (!value)
		return 0;
	return profile_expand(container->resolve->profile, value_text(value, ""), value->origin,
			      ret);
}

static int env_make(const struct container *container, struct strings *env)
{
	const struct value *map = container_value(container, "env");
	int r = value_map_get(map, "PATH") ? 0 : strings_add(env, DEFAULT_PATH);

	for (size_t i = 0; r >= 0 && map && i < map->count; i++) {
		CLEANUP(memory_free) char *value = NULL;

		r = expand_take(container, map->items[i], &value);
		if (r >= 0)
			r = strings_add_format(env, "%s=%s", map->keys[i], value ? value : "");
	}
	return r;
}

static int config_make(const struct container *container, struct container_config *config)
{
	const struct value *command = container_value(container, "command");
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds = 0;
	int r;

	/* whether it is a number is said where the image is written */
	if (epoch && number_parse(epoch, &seconds) == 0 && seconds <= UINT32_MAX)
		config->time = (int64_t)seconds;
	r = env_make(container, &config->env);
	for (size_t i = 0; r >= 0 && command && i < command->count; i++) {
		char *word = NULL;

		r = expand_take(container, command->items[i], &word);
		if (r >= 0)
			r = strings_take_in(&config->command, word);
	}
	if (r >= 0)
		r = expand_take(container, container_value(container, "workdir"), &config->workdir);
	if (r >= 0)
		r = expand_take(container, container_value(container, "user"), &config->user);
	return r;
}

/* what may be missing in the container is told with that of the whole image */
static int missing_take(const struct container *container, const struct strings *from,
			struct strings *to)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < from->count; i++)
		r = strings_add_format(to, "%s (%s)", from->items[i], container->relation);
	return r;
}

static int content_resolve(const struct container *container, struct resolve *inner)
{
	struct resolve *outer = container->resolve;
	const struct addition temporary = {
		.path = "tmp",
		.type = ENTRY_DIRECTORY,
		.mode = 01777,
		.relation = container->relation,
		.at = *container->at,
	};
	int r;

	r = resolve_programs(inner, container_value(container, "programs"));
	if (r >= 0)
		r = resolve_files(inner, container_value(container, "files"));
	if (r >= 0)
		r = resolve_closure(inner);
	if (r >= 0 && manifest_count(inner->manifest) == 0)
		r = fail_at(container->at,
			    "image '%s' would be empty; give it 'programs:', 'files:' or 'from:'",
			    container->tag);
	if (r >= 0 && !manifest_find(inner->manifest, "tmp"))
		r = manifest_add(inner->manifest, &temporary, NULL);
	if (r >= 0)
		r = resolve_finish(inner);
	if (r >= 0)
		r = missing_take(container, &inner->missing.programs, &outer->missing.programs);
	if (r >= 0)
		r = missing_take(container, &inner->missing.files, &outer->missing.files);
	if (r >= 0)
		capability_warn(inner->manifest, container->relation);
	return r;
}

static int container_make(struct container *container)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(resolve_free)
	struct resolve inner = {
		.profile = container->resolve->profile,
		.root = container->resolve->root,
		.manifest = manifest,
	};
	CLEANUP(container_config_free) struct container_config config = { .time = 0 };
	CLEANUP(text_free) struct text archive = TEXT_EMPTY;
	struct addition addition = {
		.path = container->archive_path,
		.type = ENTRY_FILE,
		.mode = 0644,
		.source = { .kind = SOURCE_CONTENT, .path = container->relation },
		.relation = container->relation,
		.at = *container->at,
	};
	int r = manifest ? 0 : -ENOMEM;

	if (r >= 0)
		r = content_resolve(container, &inner);
	if (r >= 0)
		r = config_make(container, &config);
	if (r >= 0)
		r = container_archive_make(manifest, container->tag, &config, &archive,
					   &container->id);
	if (r < 0)
		return r;
	addition.source.byte_count = archive.length;
	r = text_take(&archive, &addition.source.bytes);
	return r < 0 ? r : manifest_add(container->resolve->manifest, &addition, NULL);
}

/* ---- all of them ---- */

static int container_plan(const struct container *container, struct bootplan *plan)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct plan_container *line = bootplan_add_container(plan);

	if (!line || !container->id)
		return -ENOMEM;
	text_format(&path, "/%s", container->archive_path);
	line->image = strdup(container->tag);
	line->id = strdup(container->id);
	return line->image && line->id ? text_take(&path, &line->archive) : -ENOMEM;
}

int container_images(struct resolve *resolve, const struct value *containers, struct bootplan *plan)
{
	for (size_t i = 0; containers && i < containers->count; i++) {
		CLEANUP(container_free)
		struct container container = {
			.resolve = resolve,
			.tag = containers->keys[i],
			.value = containers->items[i],
			.at = &containers->key_origins[i],
		};
		const struct value *from = container_value(&container, "from");
		int r = container_names(&container);

		if (r >= 0)
			r = from ? container_from(&container, from) : container_make(&container);
		if (r >= 0)
			r = container_plan(&container, plan);
		if (r < 0)
			return r;
		debug("%s: id %s", container.relation, container.id);
	}
	return 0;
}
