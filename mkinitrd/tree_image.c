/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_image.c - a container image, untrusted, into a tree: its layers, one over the other
 *
 * In:    a folder: an OCI layout, or what an archive of "docker save" holds
 * Out:   members of the tree
 * Not:   its files (tree_image_blob.c), one layer (tree_archive.c), archives (tree_file.c)
 * Facts: OCI image-spec: image-layout.md (oci-layout, index.json, blobs/ALGORITHM/HEX),
 *        image-index.md, manifest.md, config.md (rootfs.diff_ids: digests of uncompressed layers);
 *        Docker Image Specification v1.2 (manifest.json). All digests are checked: of an index or
 *        manifest on the way, of the configuration, of each layer
 */
/*
 * tree_image.c - a container image, untrusted, into a tree: its layers, one over the other
 *
 * In:    a folder: an OCI layout, or what an archive of "docker save" holds
 * Out:   members of the tree
 * Not:   its files (tree_image_blob.c), one layer (tree_archive.c), archives of such folders
 * (tree_file.c) Facts: OCI image-spec: image-layout.md (oci-layout, index.json,
 * blobs/ALGORITHM/HEX), image-index.md, manifest.md, config.md (rootfs.diff_ids: digests of
 * uncompressed layers); Docker Image Specification v1.2 (manifest.json). All digests are checked:
 * of an index or manifest on the way, of the configuration, of each layer
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "container_archive.h"
#include "tree_image.h"

#define LAYERS_MOST 500
#define NESTED_MOST 4

static void json_release(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

/* ---- several images ---- */

#define NAMES_MOST 10

static void add_name(struct text *names, const char *name)
{
	size_t count = 0;

	for (const char *at = text_string(names); (at = strchr(at, ',')) != NULL; at++)
		count++;
	if (count < NAMES_MOST)
		text_format(names, "%s%s", names->length ? ", " : "", name ? name : "one unnamed");
}

static int fail_several(const struct image *image, size_t count, const struct text *names)
{
	const char *how = image->reader->asked_by;

	return fail_image(image, "has %zu images (%s); say which one is meant with %s", count,
			  text_string(names), how ? how : "'image: NAME:TAG'");
}

/* what it says about running it, for who wants to know */
static int take_config(const struct image *image, const json_t *config)
{
	return image->reader->config
		       ? image_config_read(config, image->reader->label, image->reader->config)
		       : 0;
}

/* ---- docker save ---- */

static bool has_tag(const json_t *element, const char *tag)
{
	const json_t *name, *names = json_object_get(element, "RepoTags");
	size_t i;

	json_array_foreach(names, i,
			   name) if (json_is_string(name) &&
				     text_equal(json_string_value(name), tag)) return true;
	return false;
}

/* the one that is asked for, or the only one */
static int choose_element(const struct image *image, const json_t *list, const json_t **ret)
{
	CLEANUP(text_free) struct text names = TEXT_EMPTY;
	const char *wanted = image->reader->image;
	const json_t *element;
	size_t i;

	*ret = NULL;
	if (!wanted && json_array_size(list) == 1)
		*ret = json_array_get(list, 0);
	json_array_foreach(list, i, element) if (wanted && !*ret && has_tag(element, wanted)) *ret =
		element;
	if (*ret)
		return 0;
	if (wanted)
		return fail_image(image, "has no image '%s'", wanted);
	json_array_foreach(list, i, element)
	{
		const json_t *tags = json_object_get(element, "RepoTags");

		add_name(&names, json_string_value(json_array_get(tags, 0)));
	}
	return fail_several(image, json_array_size(list), &names);
}

/* "HEX.json", "blobs/sha256/HEX": the name says what the digest is */
static const char *hex_of_name(const char *path, char hex[HEX_LENGTH + 1])
{
	const char *name = base_name(path);

	if (strlen(name) < HEX_LENGTH || strspn(name, "0123456789abcdef") != HEX_LENGTH)
		return NULL;
	memcpy(hex, name, HEX_LENGTH);
	hex[HEX_LENGTH] = '\0';
	return hex;
}

static int take_saved(const struct image *image)
{
	CLEANUP(json_release) json_t *list = NULL;
	CLEANUP(json_release) json_t *config = NULL;
	const json_t *element = NULL, *layers, *ids, *layer;
	char hex[HEX_LENGTH + 1];
	const char *path;
	size_t i;
	int r = image_read_json(image, "manifest.json", NULL, &list);

	if (r == 0)
		r = choose_element(image, list, &element);
	if (r < 0)
		return r;
	path = json_string_value(json_object_get(element, "Config"));
	layers = json_object_get(element, "Layers");
	if (!path || !hex_of_name(path, hex))
		return fail_image(image, "names no configuration by its digest in manifest.json");
	r = image_read_json(image, path, hex, &config);
	if (r == 0)
		r = take_config(image, config);
	if (r < 0 || image->reader->only_config)
		return r;
	ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
	if (!json_is_array(layers) || json_array_size(layers) != json_array_size(ids) ||
	    json_array_size(layers) > LAYERS_MOST || json_array_size(layers) == 0)
		return fail_image(image, "has no layers that its configuration knows");
	json_array_foreach(layers, i, layer)
	{
		path = json_string_value(layer);
		r = image_take_layer(image, path ? path : "", NULL,
				     json_string_value(json_array_get(ids, i)));
		if (r < 0)
			break;
	}
	return r;
}

/* ---- OCI ---- */

const char *image_architecture(void)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },   { "i686", "386" },
		{ "armv7l", "arm" },   { "riscv64", "riscv64" }, { "ppc64le", "ppc64le" },
		{ "s390x", "s390x" },
	};
	static struct utsname system;

	if (uname(&system) < 0)
		return "";
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (text_equal(system.machine, names[i][0]))
			return names[i][1];
	return system.machine;
}

static bool descriptor_is_named(const json_t *descriptor, const char *wanted)
{
	const json_t *notes = json_object_get(descriptor, "annotations");
	const char *full = json_string_value(json_object_get(notes, "io.containerd.image.name"));
	const char *reference =
		json_string_value(json_object_get(notes, "org.opencontainers.image.ref.name"));

	return (full && text_equal(full, wanted)) || (reference && text_equal(reference, wanted));
}

/* of several for several machines the one for this; others say no platform */
static bool descriptor_fits(const json_t *descriptor)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const char *machine = json_string_value(json_object_get(platform, "architecture"));

	return !machine || text_equal(machine, image_architecture());
}

static int choose_descriptor(const struct image *image, const json_t *index, bool is_top,
			     const json_t **ret)
{
	CLEANUP(text_free) struct text names = TEXT_EMPTY;
	const char *wanted = is_top ? image->reader->image : NULL;
	const json_t *list = json_object_get(index, "manifests"), *descriptor;
	size_t i, count = 0;

	*ret = NULL;
	json_array_foreach(list, i, descriptor)
	{
		if (wanted ? !descriptor_is_named(descriptor, wanted)
			   : json_array_size(list) > 1 && !descriptor_fits(descriptor))
			continue;
		if (count++ == 0)
			*ret = descriptor;
	}
	if (count == 1)
		return 0;
	if (wanted)
		return fail_image(image, "has %s image '%s'", count ? "more than one" : "no",
				  wanted);
	if (count == 0)
		return fail_image(image, "has no image for this machine (%s)",
				  image_architecture());
	json_array_foreach(list, i, descriptor)
	{
		const json_t *notes = json_object_get(descriptor, "annotations");
		const char *name =
			json_string_value(json_object_get(notes, "io.containerd.image.name"));

		add_name(&names, name ? name
				      : json_string_value(json_object_get(
						notes, "org.opencontainers.image.ref.name")));
	}
	return fail_several(image, count, &names);
}

static int take_manifest(const struct image *image, const json_t *manifest)
{
	CLEANUP(json_release) json_t *config = NULL;
	const json_t *layers = json_object_get(manifest, "layers"), *layer;
	size_t i;
	int r = image_read_blob(image, json_object_get(manifest, "config"), &config);

	if (r == 0)
		r = take_config(image, config);
	if (r == 0 && image->reader->only_config)
		return 0;
	if (r == 0 && (!json_is_array(layers) || json_array_size(layers) == 0 ||
		       json_array_size(layers) > LAYERS_MOST))
		return fail_image(image, "has no layers in its manifest");
	json_array_foreach(layers, i, layer)
	{
		const char *digest = json_string_value(json_object_get(layer, "digest"));
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		if (r == 0)
			r = image_blob_path(image, digest, &path);
		if (r == 0)
			r = image_take_layer(image, text_string(&path), digest, NULL);
		if (r < 0)
			break;
	}
	return r;
}

static int take_layout(const struct image *image)
{
	CLEANUP(json_release) json_t *json = NULL;
	const json_t *descriptor;
	int r = image_read_json(image, "index.json", NULL, &json);

	for (unsigned depth = 0; r == 0 && json_object_get(json, "manifests"); depth++) {
		json_t *next = NULL;

		if (depth == NESTED_MOST)
			return fail_image(image, "has indexes in indexes without end");
		r = choose_descriptor(image, json, depth == 0, &descriptor);
		if (r == 0)
			r = image_read_blob(image, descriptor, &next);
		json_decref(json);
		json = next;
	}
	return r < 0 ? r : take_manifest(image, json);
}

static bool has_file(int fd, const char *name)
{
	struct stat status;

	return fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

bool tree_is_image(int fd)
{
	struct stat status;

	if (has_file(fd, "oci-layout") && has_file(fd, "index.json"))
		return true;
	/* a root file system may have a manifest.json, but then it has an etc, too */
	return has_file(fd, "manifest.json") &&
	       fstatat(fd, "etc", &status, AT_SYMLINK_NOFOLLOW) < 0;
}

int tree_read_image(struct tree_reader *reader, int fd)
{
	const struct image image = { .reader = reader, .folder = { .fd = fd } };

	/* Docker's own list first: it knows images by NAME:TAG */
	return has_file(fd, "manifest.json") ? take_saved(&image) : take_layout(&image);
}
