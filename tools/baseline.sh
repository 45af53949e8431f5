#!/usr/bin/env bash
# Builds another commit beside this checkout, for benches that compare with it, and prints the folder of its PostgreSQL tree.
#
#   tools/baseline.sh COMMIT
#
# The commit's own tools/setup.sh and tools/install-extension.sh do it, with its own cargo-pgrx, in a worktree in .tools/baseline; its
# library is the one that it would ship. With it there, this does nothing. `git worktree remove --force FOLDER` takes it away again.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

commit="$(git rev-parse --verify --quiet "${1:?a commit}^{commit}")" || die "there is no commit $1 in this clone"
source="$TOOLS/baseline/${commit:0:12}"
tree="$source/.tools/pg$PG_MAJOR"

# What has changed since may be seen in the caller's settings, and is not meant for that build.
without_ours() { env -u CARGO_TARGET_DIR -u PGRX_HOME "$@"; }

if [ ! -f "$source/.tools/built-$PG_MAJOR" ]; then
    say "building ${commit:0:12} beside this checkout (some ten minutes, once)" >&2
    if [ ! -e "$source/tools/setup.sh" ]; then
        rm -rf "$source"
        # By force: one whose folder was deleted is still registered.
        git worktree add --force --quiet --detach "$source" "$commit" >&2
    fi
    (cd "$source" && without_ours tools/setup.sh && without_ours tools/install-extension.sh) >&2
    # A commit that knows one major alone builds that one, whatever is asked for.
    [ -f "$tree/usr/lib/postgresql/$PG_MAJOR/lib/splitplane.so" ] || die "${commit:0:12} builds nothing for PostgreSQL $PG_MAJOR"
    touch "$source/.tools/built-$PG_MAJOR"
fi
printf '%s\n' "$tree"
