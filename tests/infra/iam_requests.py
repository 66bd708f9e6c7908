"""A line of the local cloud's request log → the rights that AWS asks for: actions with the ARNs of their resources."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.infra.iam import ACCOUNT, REGION

Right = tuple[str, str]
#: Of a bucket's own requests, by the name in the query.
_OF_BUCKETS = {
    "list-type": "s3:ListBucket",
    "prefix": "s3:ListBucket",
    "versioning": "s3:GetBucketVersioning",
    "versions": "s3:ListBucketVersions",
    "location": "s3:GetBucketLocation",
    "uploads": "s3:ListBucketMultipartUploads",
}
#: Keys are made up anew in each run: of a table's files, or of an hour's objects, the folder is noted.
_FOLDER = re.compile(r"^((raw|errors|athena-results|logs)/|warehouse/[^/]+/).*", re.DOTALL)


def rights(line: Mapping[str, Any]) -> Iterator[Right]:
    """Yield what a request needs; nothing for one that anybody may make."""
    service = line["service"]
    if service == "s3":
        yield from _of_s3(line)
    elif service == "glue":
        yield from _of_glue(line)
    elif service == "kinesis":
        yield _of_kinesis(line)
    elif service == "monitoring":
        yield f"cloudwatch:{_operation(line)}", "*"
    elif service == "sns":
        yield f"sns:{_operation(line)}", parse_qs(line["body"])["TargetArn"][0]
    elif service != "sts":
        raise AssertionError(f"which rights does {line} need?")


def _of_s3(line: Mapping[str, Any]) -> Iterator[Right]:
    bucket, _, key = unquote(line["path"]).lstrip("/").partition("/")
    query = parse_qs(line["query"], keep_blank_values=True)
    arn = f"arn:aws:s3:::{bucket}"
    if not key and "delete" in query:
        for found in re.findall(r"<Key>(.*?)</Key>", line["body"]):
            yield "s3:DeleteObject", f"{arn}/{_folder(found)}"
    elif not key:
        yield next((action for name, action in _OF_BUCKETS.items() if name in query), "s3:ListBucket"), arn
    else:
        upload_ends = line["method"] == "DELETE" and "uploadId" in query
        by_method = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject"}
        action = "AbortMultipartUpload" if upload_ends else by_method.get(line["method"], "DeleteObject")
        yield f"s3:{action}", f"{arn}/{_folder(key)}"
        if line["copied"]:
            yield "s3:GetObject", f"arn:aws:s3:::{_copied(line['copied'])}"


def _copied(source: str) -> str:
    bucket, _, key = unquote(source).lstrip("/").partition("/")
    return f"{bucket}/{_folder(key)}"


def _folder(key: str) -> str:
    return _FOLDER.sub(r"\1x", key)


def _of_glue(line: Mapping[str, Any]) -> Iterator[Right]:
    """Glue asks for a right to the catalog, to the database, and to the table."""
    action, body = f"glue:{_operation(line)}", json.loads(line["body"])
    glue = f"arn:aws:glue:{REGION}:{ACCOUNT}"
    yield action, f"{glue}:catalog"
    database = body.get("DatabaseName") or body.get("Name")
    table = body.get("TableInput", {}).get("Name") or (body.get("Name") if "DatabaseName" in body else None)
    if database:
        yield action, f"{glue}:database/{database}"
    if table:
        yield action, f"{glue}:table/{database}/{table}"


def _of_kinesis(line: Mapping[str, Any]) -> Right:
    action, body = _operation(line), json.loads(line["body"] or "{}")
    if action in ("DescribeLimits", "ListStreams"):
        return f"kinesis:{action}", "*"
    name = body.get("StreamName") or body["StreamARN"].rsplit("/", 1)[1]
    return f"kinesis:{action}", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"


def _operation(line: Mapping[str, Any]) -> str:
    target, path = str(line["target"]), str(line["path"])
    if target:
        return target.rsplit(".", 1)[-1]
    if "/operation/" in path:
        return path.rsplit("/", 1)[-1]
    return str(parse_qs(line["body"])["Action"][0])
