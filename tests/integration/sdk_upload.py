#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Uploads a file as a page blob with Microsoft's SDK, leaving out pages of zeros, as a carrier that knows nothing of liftfs.

usage: sdk_upload.py CONTAINER NAME FILE
The connection string comes from AZURE_STORAGE_CONNECTION_STRING.
"""
import os
import sys

from azure.storage.blob import BlobClient

STEP = 1 << 20

container, name, path = sys.argv[1:4]
blob = BlobClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"], container, name)
size = os.path.getsize(path)
blob.create_page_blob(size)
with open(path, "rb") as source:
    for offset in range(0, size, STEP):
        data = source.read(STEP)
        if data.strip(b"\0"):
            blob.upload_page(data, offset, len(data))
