"""How DuckDB is let into S3."""

import duckdb

from local.duckdb_iceberg import load_iceberg, s3_secret


def test_aws_is_reached_by_its_own_name_with_a_roles_token() -> None:
    secret = s3_secret(
        endpoint_url="https://s3.eu-west-1.amazonaws.com",
        region="eu-west-1",
        access_key="ASIA",
        secret_key="it's secret",
        session_token="token",
    )
    assert secret == (
        "CREATE OR REPLACE SECRET lake (TYPE s3, USE_SSL true, KEY_ID 'ASIA', SECRET 'it''s secret', "
        "REGION 'eu-west-1', ENDPOINT 's3.eu-west-1.amazonaws.com', URL_STYLE 'vhost', SESSION_TOKEN 'token')"
    )


def test_another_endpoint_has_the_bucket_in_the_path() -> None:
    secret = s3_secret(endpoint_url="http://127.0.0.1:4566", region="us-east-1", access_key="test", secret_key="test")
    assert secret == (
        "CREATE OR REPLACE SECRET lake (TYPE s3, USE_SSL false, KEY_ID 'test', SECRET 'test', REGION 'us-east-1', "
        "ENDPOINT '127.0.0.1:4566', URL_STYLE 'path')"
    )


def test_duckdb_takes_a_secret() -> None:
    with duckdb.connect() as connection:
        load_iceberg(connection)
        for key in ("first", "second"):
            connection.execute(
                s3_secret(
                    endpoint_url="https://s3.us-east-1.amazonaws.com",
                    region="us-east-1",
                    access_key=key,
                    secret_key="s",
                )
            )
        ((text,),) = connection.execute("SELECT secret_string FROM duckdb_secrets()").fetchall()
    assert "key_id=second;" in text
