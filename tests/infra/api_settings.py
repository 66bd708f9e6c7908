"""Settings of an API for tests that care for few of them."""

from infra.settings import ApiSettings, CorsSettings


def api_settings(*, origins: tuple[str, ...] = ("*",), behind_proxy: bool = False) -> ApiSettings:
    return ApiSettings(
        request_rate=1_000,
        request_burst=1_000,
        address_limit=1_000,
        cors=CorsSettings(origins=origins),
        behind_proxy=behind_proxy,
    )
