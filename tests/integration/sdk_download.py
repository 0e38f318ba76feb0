#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Downloads a blob, or a snapshot of it, with Microsoft's SDK.

usage: sdk_download.py CONTAINER NAME SNAPSHOT-OR-EMPTY FILE
The connection string comes from AZURE_STORAGE_CONNECTION_STRING.
"""
import os
import sys

from azure.storage.blob import BlobClient

container, name, snapshot, path = sys.argv[1:5]
blob = BlobClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"], container, name,
                                         snapshot=snapshot or None)
with open(path, "wb") as out:
    blob.download_blob(max_concurrency=2).readinto(out)
