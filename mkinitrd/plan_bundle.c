/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_bundle.c - "boot: bundle:": a host's files on the boot disk
 *
 * In:    the checked profile; a public key in the root or beside the profile
 * Out:   the plan's "bundle" line
 * Not:   the bundle (bundle.c), the program that checks it (tools.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bundle.h"
#include "fail.h"
#include "plan.h"
#include "../init/lib/file.h"
#include "../init/lib/number.h"

#define DEFAULT_PATH "mkinitrd/host.bundle"
#define WAIT_MS 10000
#define KEY_MOST (64 << 10)

static int read_key(struct resolve *resolve, const struct value *value, char **ret_key)
{
	struct sysroot beside = SYSROOT_EMPTY;
	const struct sysroot *root = resolve->root;
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(text_free) struct text pem = TEXT_EMPTY;
	int r = plan_text(resolve, value, &path);

	if (r < 0 || !path)
		return r;
	if (path[0] != '/') {
		beside.fd = profile_directory_fd(&value->origin);
		root = &beside;
	}
	r = root == &beside && beside.fd < 0 ? -ENOENT : sysroot_read(root, path, KEY_MOST, &pem);
	if (r == 0)
		r = bundle_public_key(text_string(&pem), pem.length, ret_key);
	if (r == -EINVAL || r == -EFBIG)
		return fail_at(&value->origin,
			       "'%s' is no Ed25519 public key; make it of the private one: openssl "
			       "pkey -in KEY.pem -pubout -out KEY.pub",
			       path);
	if (r < 0)
		return fail_at(&value->origin, "the key '%s' cannot be read %s: %s", path,
			       root == &beside ? "beside the profile" : "in the root",
			       strerror(-r));
	return 0;
}

/* with "mkinitrd disk" a SquashFS is a file there, and the command line says on which disk */
static bool may_lie_on_disk(const struct resolve *resolve, const struct bootplan *bootplan)
{
	const struct value *layout = value_get(resolve->profile->root, "output", "layout", NULL);

	return plan_has_tree(bootplan) || text_equal(value_text(layout, ""), "squashfs");
}

int plan_bundle(struct resolve *resolve, const struct value *bundle, struct bootplan *bootplan)
{
	struct plan_bundle *plan = &bootplan->bundle;
	const char *need = value_text(value_get(bundle, "need", NULL), "optional");
	int r;

	if (!bundle)
		return 0;
	bootplan->has_bundle = true;
	plan->need = text_equal(need, "required") ? PLAN_NEED_REQUIRED : PLAN_NEED_OPTIONAL;
	plan->wait = WAIT_MS;
	(void)duration_parse(value_text(value_get(bundle, "wait", NULL), ""), &plan->wait);
	if (plan->wait == 0)
		plan->wait = BOOTPLAN_NO_WAIT;
	r = plan_text(resolve, value_get(bundle, "find", NULL), &plan->find);
	if (r == 0)
		r = plan_text(resolve, value_get(bundle, "path", NULL), &plan->path);
	if (r == 0 && !plan->path)
		r = (plan->path = strdup(DEFAULT_PATH)) ? 0 : -ENOMEM;
	if (r == 0)
		r = read_key(resolve, value_get(bundle, "key", NULL), &plan->key);
	if (r < 0)
		return r;
	if ((!plan->find && !may_lie_on_disk(resolve, bootplan)) ||
	    (plan->find && text_equal(plan->find, "none")))
		return fail_at(&bundle->origin,
			       "'bundle:' has no 'find:', and the root lies on no disk ('boot: "
			       "root:'); name the disk on which bundles lie");
	return 0;
}
