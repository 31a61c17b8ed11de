"""Speed of the Python tokenizer libraries that are installed, on one thread: rows of JSON for the benchmark.

peers.py TEXTS TOKENIZER_JSON [RANKS PATTERN]
  TEXTS           a JSON array of documents
  TOKENIZER_JSON  the vocabulary for Hugging Face tokenizers
  RANKS PATTERN   the same vocabulary as .tiktoken and its split pattern, for tiktoken

Each row: name, ids and offsets (MB of UTF-8 per second of processor time; offsets null where the library has no such call)
and the SHA-256 over the ids of the first 200 documents as 32-bit numbers. A library that cannot be imported has no row.
"""
import base64
import hashlib
import json
import struct
import sys
import time

SECONDS = 2.0
HASHED = 200


def rate(documents, sizes, encode):
    """Goes through the documents again and again until the time is over; the first tenth only warms up."""
    for document in documents[: max(1, len(documents) // 10)]:
        encode(document)
    best = 0.0
    begin = time.process_time()
    while time.process_time() - begin < SECONDS:
        done = 0
        start = time.process_time()
        for document, size in zip(documents, sizes):
            encode(document)
            done += size
            if done & 15 == 0 and time.process_time() - start > SECONDS:
                break
        best = max(best, done / 1e6 / (time.process_time() - start))
    return best


def digest(documents, encode):
    sha = hashlib.sha256()
    for document in documents[:HASHED]:
        ids = encode(document)
        sha.update(struct.pack(f"<{len(ids)}i", *ids))
    return sha.hexdigest()


def hugging_face(path):
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def ids(document):
        return tokenizer.encode_batch_fast([document], add_special_tokens=False)[0].ids

    def offsets(document):
        encoding = tokenizer.encode(document, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    return f"HF tokenizers {tokenizers.__version__}", ids, offsets


def tiktoken_of(ranks, pattern):
    import tiktoken

    with open(ranks, "rb") as file:
        pairs = (line.split() for line in file if line.strip())
        table = {base64.b64decode(token): int(rank) for token, rank in pairs}
    encoding = tiktoken.Encoding("bench", pat_str=pattern, mergeable_ranks=table, special_tokens={})
    return f"tiktoken {tiktoken.__version__}", encoding.encode_ordinary, None


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        documents = json.load(file)
    sizes = [len(document.encode("utf-8")) for document in documents]
    makers = [lambda: hugging_face(sys.argv[2])]
    if len(sys.argv) > 4:
        makers.append(lambda: tiktoken_of(sys.argv[3], sys.argv[4]))
    for make in makers:
        try:
            name, ids, offsets = make()
        except ImportError:
            continue
        row = {"name": name, "ids": rate(documents, sizes, ids), "offsets": offsets and rate(documents, sizes, offsets), "hash": digest(documents, ids)}
        print(json.dumps(row), flush=True)


main()
