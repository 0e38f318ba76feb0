# SPDX-License-Identifier: Apache-2.0
"""Snapshots of a container's blobs, as Microsoft's SDK sees and makes them.

usage: sdk_points.py CONTAINER, with lines on standard input:
    add VM NUMBER MOMENT BLOB...   makes a recovery point of these disks, as a cycle would
    foreign BLOB                   makes a snapshot without metadata of ours
At the end one line a replica: NAME and how many snapshots it has.  The account is AZURE_STORAGE_CONNECTION_STRING's.
"""
import os
import sys
import uuid

from azure.storage.blob import ContainerClient

container = ContainerClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"], sys.argv[1])
for line in sys.stdin:
    verb, *words = line.split()
    if verb == "foreign":
        container.get_blob_client(words[0]).create_snapshot(metadata={"backup": "mine"})
        continue
    vm, number, moment, *names = words
    token = str(uuid.uuid4())
    for name in names:
        blob = container.get_blob_client(name)
        blob.create_snapshot(metadata={"liftfsid": blob.get_blob_properties().metadata["liftfsid"], "vm": vm, "number": number,
                                       "moment": moment, "token": token, "disks": str(len(names))})
counts = {}
for blob in container.list_blobs(include=["snapshots"]):
    if blob.name.startswith(".liftfs/"):
        continue  # the copy of a block map
    counts[blob.name] = counts.get(blob.name, 0) + (blob.snapshot is not None)
for name in sorted(counts):
    print(name, counts[name])
