"""Serving with contents in an object store."""

from pathlib import Path

import httpx

from tests.integration.cli.test_commands import failed, free_port, mailmine, running
from tests.object_store import BUCKET, Bucket


def test_a_bucket_that_is_not_there_is_said_at_the_start(bucket: Bucket, tmp_path: Path) -> None:
    del bucket
    refused = mailmine("serve", "--blobs", "s3://nowhere/here", "--port", "0", folder=tmp_path)
    failed(refused, "no such bucket")
    assert "password" not in refused.stdout  # it is shown once, and this start is forgotten


def test_a_server_is_ready_with_a_bucket(bucket: Bucket, tmp_path: Path) -> None:
    port = free_port()
    place = f"s3://{BUCKET}/{bucket.prefix}"
    with running(
        "serve", "--blobs", place, "--port", str(port), folder=tmp_path, says="mailmine is at"
    ):
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    assert not (tmp_path / "mailmine-data" / "blobs").exists()
