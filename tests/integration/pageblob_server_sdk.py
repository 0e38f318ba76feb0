# SPDX-License-Identifier: Apache-2.0
"""Drives a page-blob endpoint with Microsoft's SDK.  usage: pageblob_server_sdk.py ENDPOINT"""
import datetime
import os
import sys

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (BlobClient, BlobSasPermissions, BlobServiceClient, ContainerSasPermissions, SequenceNumberAction,
                                generate_blob_sas, generate_container_sas)

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
MIB = 1 << 20
SIZE = 16 * MIB
LEASE = "11111111-2222-3333-4444-555555555555"
ENDPOINT = sys.argv[1]
service = BlobServiceClient.from_connection_string(
    f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={ENDPOINT};", retry_total=0)


def check(what, wanted, seen):
    if wanted != seen:
        raise SystemExit(f"{what}: wanted {wanted!r}, got {seen!r}")


def refused(what, status, code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except HttpResponseError as error:
        seen = error.response.headers.get("x-ms-error-code")
        check(what, (status, code), (error.status_code, seen))
        return
    raise SystemExit(f"{what}: was accepted")


def ranges(blob, **kwargs):
    pages, clears = blob.get_page_ranges(**kwargs)
    return [(p["start"], p["end"]) for p in pages], [(p["start"], p["end"]) for p in clears]


info = service.get_account_information()
check("account", (False, "StorageV2"), (info["is_hns_enabled"], info["account_kind"]))
container = service.create_container("sdk")
refused("container again", 409, "ContainerAlreadyExists", service.create_container, "sdk")
refused("container name", 400, "InvalidResourceName", service.create_container, "Not-Lower")
blob = container.get_blob_client("web 01/disk \u00e4+%.vhd")
refused("no such blob", 404, "BlobNotFound", blob.get_blob_properties)

# Create.
blob.create_page_blob(SIZE, metadata={"liftfsid": "one", "Name": "web 01"}, sequence_number=7,
                      match_condition=MatchConditions.IfMissing)
refused("create twice", 409, "BlobAlreadyExists", blob.create_page_blob, SIZE, match_condition=MatchConditions.IfMissing)
properties = blob.get_blob_properties()
check("properties", (SIZE, 7, {"liftfsid": "one", "Name": "web 01"}, "PageBlob", "available"),
      (properties.size, properties.page_blob_sequence_number, properties.metadata, properties.blob_type.value,
       properties.lease.state))
check("empty", ([], []), ranges(blob))

# Pages.
data = os.urandom(4 * MIB)
answer = blob.upload_page(data, 4 * MIB, len(data), validate_content=True)
if answer["etag"] == properties.etag:
    raise SystemExit("a page write left the ETag")
refused("number", 412, "SequenceNumberConditionNotMet", blob.upload_page, data[:512], 0, 512, if_sequence_number_eq=6)
blob.upload_page(data[:512], 0, 512, if_sequence_number_eq=7)
blob.upload_page(bytes(512), 512, 512, if_sequence_number_lt=8)
blob.clear_page(5 * MIB, MIB)
check("ranges", [(0, 1023), (4 * MIB, 5 * MIB - 1), (6 * MIB, 8 * MIB - 1)], ranges(blob)[0])
check("window", [(4 * MIB + 512, 4 * MIB + 1023)], ranges(blob, offset=4 * MIB + 512, length=512)[0])
expected = bytearray(SIZE)
expected[0:512] = data[:512]
expected[4 * MIB:8 * MIB] = data
expected[5 * MIB:6 * MIB] = bytes(MIB)
check("content", True, blob.download_blob().readall() == bytes(expected))
check("part", True, blob.download_blob(offset=4 * MIB - 100, length=1000).readall() ==
      bytes(expected[4 * MIB - 100:4 * MIB + 900]))
refused("beyond the end", 416, "InvalidPageRange", blob.upload_page, data[:512], SIZE, 512)
refused("number of an older write", 412, "ConditionNotMet", blob.upload_page, data[:512], 0, 512,
        etag=answer["etag"], match_condition=MatchConditions.IfNotModified)

# Snapshot and difference.
first = blob.create_snapshot(metadata={"token": "abc"})["snapshot"]
blob.upload_page(data[:1024], 2 * MIB, 1024)
blob.clear_page(6 * MIB, MIB)
old = BlobClient.from_blob_url(blob.url, credential=KEY, snapshot=first)
check("snapshot's metadata", {"token": "abc"}, old.get_blob_properties().metadata)
check("snapshot's content", True, old.download_blob().readall() == bytes(expected))
check("difference", ([(2 * MIB, 2 * MIB + 1023)], [(6 * MIB, 7 * MIB - 1)]), ranges(blob, previous_snapshot_diff=first))
check("list", [(blob.blob_name, first), (blob.blob_name, None)],
      [(b.name, b.snapshot) for b in container.list_blobs(include=["snapshots", "metadata"], results_per_page=1)])
check("prefix", [], list(container.list_blobs(name_starts_with="db")))

# Sequence number, size, headers, metadata.
check("max", 9, blob.set_sequence_number(SequenceNumberAction.Max, "9")["blob_sequence_number"])
check("max never lowers", 9, blob.set_sequence_number(SequenceNumberAction.Max, "8")["blob_sequence_number"])
check("increment", 10, blob.set_sequence_number(SequenceNumberAction.Increment)["blob_sequence_number"])
check("update", 3, blob.set_sequence_number(SequenceNumberAction.Update, "3")["blob_sequence_number"])
blob.resize_blob(4 * MIB)
check("shrunk", [(0, 1023), (2 * MIB, 2 * MIB + 1023)], ranges(blob)[0])
blob.set_blob_metadata({"only": "this"})
check("metadata", {"only": "this"}, blob.get_blob_properties().metadata)
refused("metadata name", 400, "InvalidMetadata", blob.set_blob_metadata, {"with-dash": "x"})

# Lease.
lease = blob.acquire_lease(15, lease_id=LEASE)
refused("leased", 409, "LeaseAlreadyPresent", blob.acquire_lease, 15)
refused("write without lease", 412, "LeaseIdMissing", blob.upload_page, data[:512], 0, 512)
blob.upload_page(data[:512], 0, 512, lease=lease)
lease.renew()
check("state", "leased", blob.get_blob_properties().lease.state)
blob.create_snapshot()
lease.release()
refused("released", 412, "LeaseNotPresentWithBlobOperation", blob.upload_page, data[:512], 0, 512, lease=LEASE)

# SAS.
later = datetime.datetime.utcnow() + datetime.timedelta(hours=1)
earlier = datetime.datetime.utcnow() - datetime.timedelta(minutes=1)


def with_sas(permission, expiry=later):
    sas = generate_blob_sas(ACCOUNT, "sdk", blob.blob_name, account_key=KEY, permission=permission, expiry=expiry)
    return BlobClient.from_blob_url(f"{blob.url}?{sas}", retry_total=0)


with_sas(BlobSasPermissions(write=True)).upload_page(data[:512], 0, 512)
check("read by SAS", data[:512], with_sas(BlobSasPermissions(read=True)).download_blob(0, 512).readall())
refused("write by a SAS to read", 403, "AuthorizationPermissionMismatch",
        with_sas(BlobSasPermissions(read=True)).upload_page, data[:512], 0, 512)
refused("expired SAS", 403, "AuthenticationFailed", with_sas(BlobSasPermissions(read=True), earlier).get_blob_properties)
sas = generate_container_sas(ACCOUNT, "sdk", account_key=KEY, permission=ContainerSasPermissions(read=True, list=True), expiry=later)
limited = BlobServiceClient(ENDPOINT, credential=sas, retry_total=0).get_container_client("sdk")
check("list by SAS", [blob.blob_name], [b.name for b in limited.list_blobs()])
refused("delete by a SAS to read", 403, "AuthorizationPermissionMismatch", limited.get_blob_client(blob.blob_name).delete_blob)

# The end.
refused("snapshots are there", 409, "SnapshotsPresent", blob.delete_blob)
old.delete_blob()
blob.delete_blob(delete_snapshots="include")
check("all gone", [], list(container.list_blobs(include=["snapshots"])))
service.delete_container("sdk")
refused("container gone", 404, "ContainerNotFound", blob.get_blob_properties)
print("all as expected")
