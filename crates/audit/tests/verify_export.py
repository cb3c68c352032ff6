#!/usr/bin/env python3
"""Verifies an export of the audit trail with Python's own library and openssl: verify_export.py EXPORT KEY"""
import hashlib, json, subprocess, sys, tempfile

lines, key = open(sys.argv[1], "rb").read().splitlines(keepends=True), bytes.fromhex(sys.argv[2])
header, content = json.loads(lines[0]), hashlib.sha256(lines[0])
sequence, last, closed = header["from"] - 1, bytes.fromhex(header["previous"]), False

def is_signed(text, signature):
    with tempfile.NamedTemporaryFile() as k, tempfile.NamedTemporaryFile() as t, tempfile.NamedTemporaryFile() as s:
        for file, data in (k, bytes.fromhex("302a300506032b6570032100") + key), (t, text), (s, signature):
            file.write(data), file.flush()
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", k.name, "-rawin", "-in", t.name]
        return subprocess.run(command + ["-sigfile", s.name], capture_output=True).returncode == 0

for number, line in enumerate(lines[1:], 2):
    assert not closed and line.endswith(b"}\n"), f"line {number}"
    if line.startswith(b'{"hash":"'):
        text, sequence = line[84:-2], sequence + 1
        last = hashlib.sha256(last + text).digest()
        record = json.loads(text)
        assert line[9:73].decode() == last.hex(), f"line {number}: the hash"
        assert (record["chain"], record["sequence"]) == (header["chain"], sequence), f"line {number}: the place"
    else:
        text, head = line[8 : line.rindex(b',"signature":"')], json.loads(line)["head"]
        assert is_signed(text, bytes.fromhex(json.loads(line)["signature"])), f"line {number}: the signature"
        at = (head["chain"], head["sequence"], head["hash"])
        assert at == (header["chain"], sequence, last.hex()), f"line {number}: the head"
        closed = "content" in head
        assert not closed or head["content"] == content.hexdigest(), f"line {number}: the content"
    content.update(line)
assert closed and sequence == header["to"], "cut off"
print("clean:", sequence - header["from"] + 1, "records")
