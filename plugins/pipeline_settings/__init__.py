"""Environment variables → `PipelineSettings`, read once when a DAG file is parsed and handed down from there."""

from pipeline_settings.settings import (
    EmrServerlessSettings,
    LocalSparkSettings,
    PipelineSettings,
    SettingsError,
    settings_from,
)

__all__ = ["EmrServerlessSettings", "LocalSparkSettings", "PipelineSettings", "SettingsError", "settings_from"]
